import { afterAll } from 'vitest';
import { endLeftovers } from './leftovers.ts';

// Set-up file of every test project. Hooks run in reverse order, so this one comes after those of the test file.
afterAll(() => {
  const names = endLeftovers();
  if (names.length > 0) throw new Error(`this test file left running: ${names.join(', ')}`);
});
