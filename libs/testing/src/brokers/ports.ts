import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

/** Ports below are for known services, many of them for those this project starts itself. */
const firstOfAny = 16_384;
/** Where the system says nothing: the beginning of what IANA leaves to connections that go out (RFC 6335 section 6). */
const usualEphemeral = 49_152;
/** Long enough for a server to start and listen; then whoever looks sees that the port is taken. */
const reservedMs = 120_000;

/**
 * Ports of 127.0.0.1 that nobody listens on, all different.
 *
 * One that was not asked for by its number lies outside the range from which the system takes ports for connections that go out,
 * and other processes that choose here leave it alone for two minutes: both had taken ports between their choice and their use.
 *
 * @param wanted the ports one would like, in order; 0 for any. One that is taken is replaced by a free one.
 * @returns as many ports as were wanted. A program that does not choose here may still take one before it is used.
 */
export async function freePorts(wanted: readonly number[]): Promise<number[]> {
  const held: Server[] = [];
  try {
    const ports: number[] = [];
    for (const port of wanted) {
      const listening = port === 0 ? undefined : await listen(port);
      const server = listening ?? (await listenAnywhere());
      held.push(server);
      ports.push(portOf(server));
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** A port that was free when it was chosen was taken when somebody wanted to listen on it. */
export class PortTaken extends Error {}

/**
 * Starts what chooses ports for itself, and once more when another program took one meanwhile.
 *
 * @param start throws PortTaken with the port in its message, and has stopped by then whatever it had started.
 * @param tell hears of it before the second try.
 * @throws PortTaken when it happens again.
 */
export async function againIfPortTaken<Started>(
  start: () => Promise<Started>,
  tell: (taken: PortTaken) => void = () => {},
): Promise<Started> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof PortTaken)) throw error;
    tell(error);
    return start();
  }
}

async function listenAnywhere(): Promise<Server> {
  const count = ephemeralStart() - firstOfAny;
  const start = Math.floor(Math.random() * count);
  for (let tried = 0; tried < Math.min(count, 1_000); tried += 1) {
    const port = firstOfAny + ((start + tried) % count);
    if (!(await reserve(port))) continue;
    const server = await listen(port);
    if (server !== undefined) return server;
  }
  const server = await listen(0);
  if (server === undefined) throw new Error('no port of 127.0.0.1 can be listened on');
  return server;
}

/** First port the system may give to a connection that goes out. */
function ephemeralStart(): number {
  try {
    const [first = ''] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/);
    return Math.max(Number(first), firstOfAny + 1);
  } catch {
    return usualEphemeral; // not Linux
  }
}

/**
 * Says to other processes that a port is chosen. A name in Linux's abstract namespace does it: it is as wide as the ports
 * themselves (one per network namespace), is no file, and goes with this process however it ends.
 *
 * @returns false when it is somebody else's choice.
 */
async function reserve(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const sign = await listen(`\0mailrail-port-${port}`);
  if (sign === undefined) return false;
  sign.unref();
  setTimeout(() => sign.close(), reservedMs).unref();
  return true;
}

/** @returns undefined when the port or name cannot be had. */
function listen(at: number | string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(typeof at === 'number' ? { port: at, host: '127.0.0.1' } : { path: at }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address !== 'object') throw new Error('a TCP server has an address and a port');
  return address.port;
}
