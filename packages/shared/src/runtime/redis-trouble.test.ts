import { ReplyError } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { redisTrouble } from './redis-trouble.ts';

const refusal = (message: string) => new (ReplyError as unknown as new (text: string) => Error)(message);

describe('trouble with Redis', () => {
  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'.", 'full'],
    ["OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:9.", 'full'],
    ['ERR Error running script: -READONLY You can not write against a read only replica.', 'replica'],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'disk'],
    ['NOREPLICAS Not enough good replicas to write.', 'min-replicas-to-write'],
    ['LOADING Redis is loading the dataset in memory', 'loading'],
  ])('%j is a refusal that says which, and nothing was done', (message, word) => {
    const trouble = redisTrouble(refusal(message));
    expect(trouble?.says).toContain(word);
    expect(trouble?.mayBeDone).toBe(false);
  });

  it('an answer that did not come leaves open whether it was done; what was never sent does not', () => {
    expect(redisTrouble(new Error('Command timed out'))?.mayBeDone).toBe(true);
    expect(redisTrouble(new Error('Connection is closed.'))?.mayBeDone).toBe(true);
    const unsent = new Error("Stream isn't writeable and enableOfflineQueue options is false");
    expect(redisTrouble(unsent)?.mayBeDone).toBe(false);
  });

  it('a mistake of ours is no trouble of Redis', () => {
    for (const message of ['WRONGTYPE Operation against a key', 'ERR unknown command', 'NOSCRIPT No matching script']) {
      expect(redisTrouble(refusal(message))).toBeNull();
    }
    expect(redisTrouble(new TypeError('x is undefined'))).toBeNull();
    expect(redisTrouble('OOM')).toBeNull();
  });
});
