import { randomBytes } from 'node:crypto';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 32;

/** A new API key: `sgm_` and 32 base62 digits, about 190 random bits. */
export function newApiKey(): string {
  let key = 'sgm_';
  while (key.length < 4 + LENGTH) {
    for (const byte of randomBytes(LENGTH)) {
      // 248 is the largest multiple of 62 in a byte; what lies above would favour some digits.
      if (byte < 248 && key.length < 4 + LENGTH) key += DIGITS[byte % 62];
    }
  }
  return key;
}
