import type { Row } from '../types.ts';

/** Every row of the matrix, to be run by itself. */
export const ROWS: readonly Row[] = [];
