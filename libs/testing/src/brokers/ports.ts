import { createServer, type Server } from 'node:net';

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/**
 * Ports of 127.0.0.1 that nobody listens on, all different.
 *
 * @param wanted the ports one would like, in order; 0 for any. One that is taken is replaced by a free one.
 * @returns as many ports as were wanted. Another process may still take one before it is used.
 */
export async function freePorts(wanted: readonly number[]): Promise<number[]> {
  const held: Server[] = [];
  try {
    const ports: number[] = [];
    for (const port of wanted) {
      const server = (await listen(port)) ?? (await listen(0));
      const address = server?.address();
      if (server === undefined || address === null || typeof address !== 'object')
        throw new Error('no port of 127.0.0.1 can be listened on');
      held.push(server);
      ports.push(address.port);
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
