import type { ItemFault } from '@songmill/shared/contract/batch';

/** `lyrics.csv:12:3: /lyrics 212 characters …`, as compilers say it, so that editors jump there. */
export function faultLine(path: string, fault: Partial<ItemFault>): string {
  const place = [path, fault.line, fault.column].filter((part) => part != null).join(':');
  return `${place}: ${fault.pointer ? `${fault.pointer} ` : ''}${fault.message ?? fault.code ?? ''}`;
}
