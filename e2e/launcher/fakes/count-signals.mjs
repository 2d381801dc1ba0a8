// Writes every signal, and at the end whether Redis still answered, into data/stops.log.
import { appendFileSync } from 'node:fs';
import net from 'node:net';

const write = (line) => appendFileSync('data/stops.log', `${line}\n`);

/**
 * @param {string} name
 * @param {() => boolean} mayEnd asked every 20 ms after the first signal; a second signal ends the process at once
 */
export function countSignals(name, mayEnd = () => true) {
  let signals = 0;
  const end = () =>
    redisAnswers().then((answers) => {
      write(`${name} ended, redis ${answers ? 'answers' : 'is gone'}`);
      process.exit(0);
    });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      write(`${name} got ${signal}`);
      signals += 1;
      if (signals > 1) process.exit(1);
      const look = setInterval(() => {
        if (!mayEnd()) return;
        clearInterval(look);
        void end();
      }, 20);
    });
  }
}

function redisAnswers() {
  return new Promise((resolve) => {
    const connection = net.connect('data/redis/redis.sock', () => connection.write('PING\r\n'));
    connection.once('data', () => resolve(true));
    connection.once('error', () => resolve(false));
  });
}
