import { afterEach, expect, test } from '@jest/globals';
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { selfSigned } from '@mailrail/local';
import type { LoadJob } from '../src/generator/job.ts';
import { runLoad } from '../src/generator/load.ts';

/** What the server says to mail number `n` when it has come whole, the first, second, ... time it comes; `undefined`: it hangs up. */
type Answer = (number: number, time: number) => string | undefined | Promise<string>;

interface TestServer {
  port: number;
  connections: number;
  mails: { number: number; recipient: string; bytes: number; at: number }[];
  openAtOnce: number;
  secured: number; // handshakes
}
const certificate = await selfSigned(Date.now());
let server: Server | undefined;
afterEach(() => new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve))));

async function listen(answer: Answer = () => '250 2.0.0 ok\r\n', banner: () => string = () => '220 test ESMTP\r\n'): Promise<TestServer> {
  const seen: TestServer = { port: 0, connections: 0, mails: [], openAtOnce: 0, secured: 0 };
  const times = new Map<number, number>();
  let open = 0;
  const serve = (socket: Socket) => {
    seen.connections += 1;
    open += 1;
    seen.openAtOnce = Math.max(seen.openAtOnce, open);
    socket.on('close', () => (open -= 1));
    socket.on('error', () => {});
    socket.write(banner());
    talk(socket);
  };
  const talk = (socket: Socket) => {
    let text = '';
    let recipient = '';
    let inData = false;
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (inData) {
        const end = text.indexOf('\r\n.\r\n');
        if (end < 0) return;
        const number = Number(/^Message-ID: <tag\.(\d+)@/m.exec(text)?.[1]);
        const time = (times.get(number) ?? 0) + 1;
        times.set(number, time);
        seen.mails.push({ number, recipient, bytes: end + 2, at: performance.now() });
        text = text.slice(end + 5);
        inData = false;
        const said = answer(number, time);
        if (said === undefined) socket.destroy();
        else void Promise.resolve(said).then((reply) => socket.write(reply));
        return;
      }
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (line.startsWith('EHLO')) socket.write('250-test\r\n250 SIZE\r\n');
        else if (line === 'STARTTLS') {
          socket.removeAllListeners('data');
          socket.write('220 go\r\n');
          const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(certificate) });
          secured.on('secure', () => (seen.secured += 1));
          secured.on('error', () => {});
          talk(secured);
          return;
        } else if (line.startsWith('QUIT')) socket.end('221 bye\r\n');
        else if (line === 'DATA') {
          inData = true;
          socket.write('354 go\r\n');
          return;
        } else {
          recipient = /^RCPT TO:<(.*)>$/.exec(line)?.[1] ?? recipient;
          socket.write('250 ok\r\n');
        }
      }
    });
  };
  server = createServer(serve);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  seen.port = typeof address === 'object' && address !== null ? address.port : 0;
  return seen;
}

const job = (port: number, changes: Partial<LoadJob> = {}): LoadJob => ({
  kind: 'load',
  host: '127.0.0.1',
  port,
  recipients: ['ada@corp.example', 'ben@corp.example'],
  count: 10,
  sessions: 3,
  reuse: false,
  tls: false,
  perSecond: undefined,
  tag: 'tag',
  messageBytes: 1_024,
  withinMs: 10_000,
  ...changes,
});
const accepted = ({ acceptedAt }: { acceptedAt: Float64Array }) => [...acceptedAt].flatMap((at, number) => (at > 0 ? [number] : []));

test('sends every mail once, round the recipients, a connection each', async () => {
  const seen = await listen();
  const result = await runLoad(job(seen.port));
  expect(seen.mails.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(seen.mails.every(({ number, recipient }) => recipient === (number % 2 === 0 ? 'ada@corp.example' : 'ben@corp.example'))).toBe(
    true,
  );
  expect(new Set(seen.mails.map(({ bytes }) => bytes))).toEqual(new Set([1_024]));
  expect(seen.connections).toBe(10);
  expect(accepted(result)).toHaveLength(10);
  expect([...result.dotAt].every((at, number) => at >= result.startedAt && at <= (result.acceptedAt[number] ?? 0))).toBe(true);
  expect(result.unsent).toBe(0);
});

test('reuse: as many connections as sessions', async () => {
  const seen = await listen();
  await runLoad(job(seen.port, { reuse: true }));
  expect(seen.mails).toHaveLength(10);
  expect(seen.connections).toBe(3);
});

test('4xx is tried again, 5xx and an answer that never came are not', async () => {
  const seen = await listen((number, time) => {
    if (number === 1) return time < 3 ? '451 4.3.0 later\r\n' : '250 ok\r\n';
    if (number === 2) return '550 5.1.1 no\r\n';
    if (number === 3) return undefined;
    return '250 ok\r\n';
  });
  const { deferred, rejected, unanswered, ...result } = await runLoad(job(seen.port, { count: 5 }));
  expect({ deferred, rejected, unanswered }).toEqual({ deferred: 2, rejected: 1, unanswered: 1 });
  expect(accepted(result)).toEqual([0, 1, 4]);
  expect(seen.mails.filter(({ number }) => number === 3)).toHaveLength(1);
});

test('a connection that is not greeted is counted and made again', async () => {
  let greeted = 0;
  const seen = await listen(undefined, () => ((greeted += 1) === 1 ? '421 4.3.2 busy\r\n' : '220 test\r\n'));
  const result = await runLoad(job(seen.port, { count: 2, sessions: 1 }));
  expect(result.refused).toBe(1);
  expect(accepted(result)).toEqual([0, 1]);
});

test('nobody listens: stops at its time, and says what was not sent', async () => {
  const seen = await listen();
  await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  const result = await runLoad(job(seen.port, { count: 4, withinMs: 300 }));
  expect(result.refused).toBeGreaterThan(0);
  expect(result.unsent).toBe(4);
});

test('a server that never answers does not hold it beyond its time', async () => {
  const seen = await listen(() => '');
  const result = await runLoad(job(seen.port, { count: 4, sessions: 2, withinMs: 300 }));
  expect(accepted(result)).toEqual([]);
  expect(result.unanswered + result.unsent).toBe(4);
});

test('paced: no mail leaves before its time, and none waits for the answer to another', async () => {
  const third = Promise.withResolvers<string>();
  const seen = await listen((number) => {
    if (number === 2) third.resolve('250 ok\r\n');
    return number === 0 ? third.promise : '250 ok\r\n';
  });
  const result = await runLoad(job(seen.port, { count: 5, perSecond: 50, sessions: 1 }));
  expect(accepted(result)).toEqual([0, 1, 2, 3, 4]);
  expect([...result.dotAt].every((at, number) => at >= result.startedAt + number * 20 - 1)).toBe(true); // a timer may be 1 ms early
});

test('tls: every connection is secured before its first mail, and only then', async () => {
  const seen = await listen();
  const result = await runLoad(job(seen.port, { tls: true }));
  expect([seen.connections, seen.secured]).toEqual([10, 10]);
  expect(seen.mails.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(accepted(result)).toHaveLength(10);
  await runLoad(job(seen.port, { tls: true, reuse: true }));
  expect([seen.connections, seen.secured]).toEqual([13, 13]);
});
