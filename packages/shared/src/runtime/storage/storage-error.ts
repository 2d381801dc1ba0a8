/**
 * `unavailable`: try again later. `full`: no room. `damaged`: what is there, or what was asked for,
 * makes no sense, and trying again will not help.
 */
export type StorageErrorCode = 'unavailable' | 'full' | 'damaged';

/** The only error that a storage throws; `cause` holds the driver's own. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

const NO_ROOM: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Runs one step and turns what the file system throws into a `StorageError`. */
export async function asStorageError<T>(what: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StorageError(NO_ROOM.has(code) ? 'full' : 'unavailable', `${what}: ${code ?? message}`, error);
  }
}

/** True for the error of a file system that means "no such file". */
export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
