/**
 * A decimal amount times a whole number, exact: digits are counted as integers, never as floats.
 *
 * @param amount digits with or without a fraction, such as `0.05`
 * @returns with as many digits behind the point as the amount has: `0.05` times 3 is `0.15`
 */
export function timesExactly(amount: string, count: number): string {
  const [whole = '', fraction = ''] = amount.split('.');
  const product = (BigInt(whole + fraction) * BigInt(count)).toString().padStart(fraction.length + 1, '0');
  const point = product.length - fraction.length;
  return fraction === '' ? product : `${product.slice(0, point)}.${product.slice(point)}`;
}

/** Two decimal amounts together, exact; with as many digits behind the point as the longer one has. */
export function sumExactly(a: string, b: string): string {
  const digits = Math.max(...[a, b].map((amount) => amount.split('.')[1]?.length ?? 0));
  const units = (amount: string) => {
    const [whole = '', fraction = ''] = amount.split('.');
    return BigInt(whole + fraction.padEnd(digits, '0'));
  };
  const sum = (units(a) + units(b)).toString().padStart(digits + 1, '0');
  const point = sum.length - digits;
  return digits === 0 ? sum : `${sum.slice(0, point)}.${sum.slice(point)}`;
}
