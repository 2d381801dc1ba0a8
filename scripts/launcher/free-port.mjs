import net from 'node:net';

const NEIGHBOURS = 10;

/**
 * A port that is free now: the wanted one, one of the ten after it, or 0, which lets the process pick.
 *
 * @param {string} host
 * @param {number} wanted
 * @returns {Promise<number>}
 */
export async function freePort(host, wanted) {
  if (wanted === 0) return 0;
  for (let port = wanted; port <= Math.min(wanted + NEIGHBOURS, 65_535); port++) {
    if (await isFree(host, port)) return port;
  }
  return 0;
}

function isFree(host, port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
