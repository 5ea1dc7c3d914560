import { connect, createServer, type Socket } from 'node:net';
import { freePorts } from './brokers/ports.ts';

export interface TcpProxy {
  readonly port: number; // on 127.0.0.1
  /** Breaks every open connection with a reset. New ones are let through. */
  cut: () => void;
  /** Bytes are no longer passed on, in neither direction, and nobody is told: the network swallows them. New connections open and hang. */
  blackhole: () => void;
  /** Refuses new connections and breaks the open ones: the other side is down. */
  refuse: () => Promise<void>;
  /** Passes everything on again. What was swallowed stays lost, so broken are the connections it was lost on. */
  heal: () => Promise<void>;
  /** Connections open now. */
  readonly connections: number;
  close: () => Promise<void>;
}

/** A TCP proxy on loopback for fault tests: between a client and `target`, it can fail in the ways networks fail. */
export async function tcpProxy(target: { port: number; host?: string } | number): Promise<TcpProxy> {
  const { port: targetPort, host = '127.0.0.1' } = typeof target === 'number' ? { port: target } : target;
  const pairs = new Set<readonly [Socket, Socket]>();
  let swallow = false;
  const server = createServer((client) => {
    const remote = connect(targetPort, host);
    const pair = [client, remote] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      remote.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (chunk: Buffer) => {
        if (swallow) return;
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
      from.on('end', () => {
        if (!swallow) to.end();
      });
    };
    pass(client, remote);
    pass(remote, client);
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  const [port = 0] = await freePorts([0]); // after `refuse` it is listened on again: no connection may have been given it meanwhile
  await listen(port);
  const stopListening = () => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve()));
  const cut = () => {
    for (const [client, remote] of pairs) {
      client.resetAndDestroy();
      remote.resetAndDestroy();
    }
  };
  return {
    port,
    get connections() {
      return pairs.size;
    },
    cut,
    blackhole: () => {
      swallow = true;
    },
    refuse: async () => {
      const closed = stopListening();
      cut();
      await closed;
    },
    heal: async () => {
      if (swallow) cut();
      swallow = false;
      if (!server.listening) await listen(port);
    },
    close: async () => {
      const closed = stopListening();
      cut();
      await closed;
    },
  };
}
