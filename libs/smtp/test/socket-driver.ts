import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { type ClientOptions, ClientSession, type OutgoingMail, type RecipientAnswer } from '../src/index.ts';
import { type HostOptions, RecordingHost } from './recording-host.ts';

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
export const certificate = { key: fixture('localhost.key'), cert: fixture('localhost.crt') };

/** The server engine on a socket, for clients of others. */
export async function listen(options: HostOptions): Promise<{ port: number; hosts: RecordingHost[]; close(): void }> {
  const hosts: RecordingHost[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((raw) => {
    sockets.add(raw);
    const host = new RecordingHost(options);
    hosts.push(host);
    let socket: Socket = raw;
    let sent = 0;
    const flush = () => {
      if (host.sent.length > sent) socket.write(host.sent.slice(sent));
      sent = host.sent.length;
      if (host.closed !== undefined) socket.end();
    };
    const receive = (chunk: Buffer) => {
      host.session.receive(chunk);
      flush();
      if (!host.session.awaitsTls) return;
      raw.off('data', receive);
      const secured = new TLSSocket(raw, { isServer: true, secureContext: createSecureContext(certificate) });
      secured.once('secure', () => host.session.tlsStarted());
      secured.on('data', receive);
      secured.on('error', () => {});
      socket = secured;
    };
    raw.on('data', receive);
    raw.on('error', () => {});
    host.start();
    flush();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    hosts,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** The client engine on a socket, for servers of others: sends the mails one after the other in one session, then quits. */
export async function send(
  port: number,
  options: Omit<ClientOptions, 'hostname'>,
  mails: readonly { mail: OutgoingMail; content: Buffer }[],
): Promise<{ answers: (readonly RecipientAnswer[])[]; reason: string; tls: boolean; authenticated: boolean }> {
  const queue = [...mails];
  const answers: (readonly RecipientAnswer[])[] = [];
  let tls = false;
  let authenticated = false;
  let current: (typeof mails)[number] | undefined;
  let socket: Socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    const session: ClientSession = new ClientSession({ hostname: 'out.corp.example', ...options }, (event) => {
      switch (event.kind) {
        case 'send':
          socket.write(event.bytes);
          break;
        case 'starttls': {
          socket.removeAllListeners('data');
          const secured = connectTls({ socket, servername: 'localhost', ca: certificate.cert });
          secured.once('secureConnect', () => session.tlsStarted());
          socket = secured;
          attach();
          break;
        }
        case 'ready':
          ({ tls, authenticated } = event);
          current = queue.shift();
          if (current === undefined) session.quit();
          else session.start(current.mail);
          break;
        case 'content': {
          const { content = Buffer.alloc(0) } = current ?? {};
          for (let at = 0; at < content.length; at += 1_000) session.write(content.subarray(at, at + 1_000));
          session.endContent();
          break;
        }
        case 'answered':
          answers.push(event.answers);
          break;
        case 'closed':
          socket.destroy();
          resolve({ answers, reason: event.reason, tls, authenticated });
      }
    });
    const attach = () => {
      socket.on('data', (chunk: Buffer) => session.receive(chunk));
      socket.on('error', (error) => session.connectionLost(error.message));
      socket.on('close', () => session.connectionLost());
    };
    attach();
  });
}
