import { StorageError } from './storage-error.ts';

/**
 * The folder that a `file:` URL names. `new URL` would turn `file:./data` into `/data`, so the text
 * is read as written: what begins with a slash is absolute and may be percent-encoded, anything else
 * is relative to the working directory.
 */
export function fileFolder(url: string): string {
  const path = /^file:(?:\/\/(?=\/))?(.+)$/is.exec(url)?.[1];
  if (path === undefined || path.startsWith('//') || path.includes('\0')) {
    throw new StorageError('unavailable', 'STORAGE_URL is file:./relative or file:///absolute');
  }
  if (!path.startsWith('/')) return path;
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new StorageError('unavailable', 'STORAGE_URL holds a broken percent sign', error);
  }
}
