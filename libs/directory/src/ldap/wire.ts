import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { ExtendedRequest, type Message } from 'ldapts';
import { type LdapAnswer, messageSplitter, readAnswer } from './answers.ts';
import { failureOf, LdapFailure, refusal, resultCode } from './failure.ts';
import type { LdapServer } from './server-url.ts';

/** PEM texts. Certificates of servers are always verified. */
export interface TlsFiles {
  ca?: string;
  cert?: string;
  key?: string;
}

const startTls = '1.3.6.1.4.1.1466.20037';

export type Result = Extract<LdapAnswer, { kind: 'result' }>;

/** Bytes to and from the server, as messages. */
export interface Wire {
  readonly alive: boolean;
  nextId(): number;
  say(message: Message): void;
  /** Sends a request; parts of its answer go to `onPart`, its result comes back. @throws LdapFailure */
  ask(message: Message, timeoutMs: number, onPart: (answer: LdapAnswer) => void): Promise<Result>;
  /** @param politely what was written still goes out. */
  end(failure: LdapFailure, politely?: boolean): void;
  onClosed(listener: () => void): void;
}

function wireOn(socket: Socket): Wire & { release(): boolean } {
  const waiting = new Map<number, { onPart: (answer: LdapAnswer) => void; settle: (result: Result | LdapFailure) => void }>();
  const listeners: (() => void)[] = [];
  let id = 0;
  let alive = true;

  const end = (failure: LdapFailure, politely = false) => {
    if (!alive) return;
    alive = false;
    if (politely) socket.destroySoon();
    else socket.destroy();
    for (const { settle } of waiting.values()) settle(failure);
    for (const listener of listeners) listener();
  };
  const take = (message: Buffer) => {
    const answer = readAnswer(message);
    const asked = waiting.get(answer.id);
    if (asked === undefined) {
      // Id 0 is a notice of disconnection (RFC 4511 §4.4.1). Others answer what we no longer wait for.
      if (answer.id === 0)
        throw new LdapFailure('broken', `the server ends the connection${answer.kind === 'result' ? `: ${answer.text}` : ''}`);
    } else if (answer.kind === 'result') asked.settle(answer);
    else if (answer.kind !== 'other') asked.onPart(answer);
  };
  const splitter = messageSplitter((message) => {
    if (alive) take(message);
  });
  const onData = (bytes: Buffer) => {
    try {
      splitter.write(bytes);
    } catch (error) {
      end(failureOf(error));
    }
  };
  const onError = (error: Error) => end(new LdapFailure('broken', error.message));
  const onClose = () => end(new LdapFailure('broken', 'the connection was closed'));
  socket.on('data', onData);
  socket.on('error', onError);
  socket.on('close', onClose);

  return {
    get alive() {
      return alive;
    },
    nextId() {
      id = id >= 0x7fff_fffe ? 1 : id + 1;
      return id;
    },
    say(message) {
      socket.write(message.write());
    },
    async ask(message, timeoutMs, onPart) {
      if (!alive) throw new LdapFailure('broken', 'the connection was closed');
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      const settle = (result: Result | LdapFailure) => {
        clearTimeout(timer);
        waiting.delete(message.messageId);
        if (result instanceof LdapFailure) reject(result);
        else resolve(result);
      };
      const timer = setTimeout(() => settle(new LdapFailure('late', `no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
      waiting.set(message.messageId, { onPart, settle });
      socket.write(message.write());
      return promise;
    },
    end,
    onClosed: (listener) => {
      if (alive) listeners.push(listener);
      else listener();
    },
    /** Lets go of the socket, so that it can be wrapped. @returns whether all bytes that came were understood. */
    release() {
      socket.off('data', onData);
      socket.off('error', onError);
      socket.off('close', onClose);
      return splitter.waiting === 0;
    },
  };
}

const tcpOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };

/** Opens a connection, by TLS if the server is to be asked so. @param left how long it may still take. @throws LdapFailure */
export async function openWire(server: LdapServer, tls: TlsFiles, left: () => number): Promise<Wire> {
  const { host, port } = server;
  if (server.tls === 'ldaps') {
    return wireOn(await opened(connectTls({ ...tlsOptions(host, tls), port, ...tcpOptions }), 'secureConnect', left()));
  }
  const plain = await opened(connectTcp({ host, port, ...tcpOptions }), 'connect', left());
  const wire = wireOn(plain);
  if (server.tls === 'none') return wire;
  try {
    const result = await wire.ask(new ExtendedRequest({ messageId: wire.nextId(), oid: startTls }), left(), () => {});
    if (result.operation !== 'extended' || result.code !== resultCode.success) throw refusal('StartTLS', result.code, result.text);
    // What somebody sent in the clear behind the answer must not be read as if it came through TLS.
    if (!wire.release()) throw new LdapFailure('broken', 'bytes in the clear after StartTLS');
    return wireOn(await opened(connectTls({ ...tlsOptions(host, tls), socket: plain }), 'secureConnect', left()));
  } catch (error) {
    plain.destroy();
    throw failureOf(error);
  }
}

function tlsOptions(host: string, { ca, cert, key }: TlsFiles): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    host, // the name the certificate must have
    ...(isIP(host) === 0 ? { servername: host } : {}),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  };
}

/** Waits until a socket is open. @throws LdapFailure when it does not open in time. */
function opened<S extends Socket>(socket: S, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<S> {
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  const done = (failure?: LdapFailure) => {
    clearTimeout(timer);
    socket.off('error', onError);
    socket.off('close', onClose);
    if (failure === undefined) resolve(socket);
    else {
      socket.on('error', () => {}); // nobody is there to hear of a second one
      socket.destroy();
      reject(failure);
    }
  };
  const onError = (error: Error & { code?: string }) =>
    done(new LdapFailure('unreachable', error.message || error.code || 'the connection failed'));
  const onClose = () => done(new LdapFailure('unreachable', 'the connection was closed while it opened'));
  const timer = setTimeout(() => done(new LdapFailure('unreachable', 'no connection in time')), timeoutMs);
  socket.once(event, () => done());
  socket.on('error', onError);
  socket.on('close', onClose);
  return promise;
}
