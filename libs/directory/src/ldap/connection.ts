import { connect as connectTcp, type Socket, isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import {
  BindRequest,
  ExtendedRequest,
  type Filter,
  type Message,
  PagedResultsControl,
  SearchRequest,
  UnbindRequest,
  Control,
} from 'ldapts';
import { type LdapAnswer, messageSplitter, type RawEntry, readAnswer } from './answers.ts';
import { failureOf, LdapFailure, resultCode } from './failure.ts';
import { type RootDse, rootDseOf, rootDseAttributes } from './root-dse.ts';
import type { LdapServer } from './server-url.ts';
import { everything } from './filters.ts';

/** Who we are to the server. */
export type Credentials =
  | { kind: 'anonymous' }
  | { kind: 'simple'; dn: string; password: string } // RFC 4513 §5.1.3
  | { kind: 'external' }; // SASL EXTERNAL: the certificate of the TLS connection says it

/** PEM texts. Certificates of servers are always verified. */
export interface TlsFiles {
  ca?: string;
  cert?: string;
  key?: string;
}

export interface ConnectOptions {
  credentials: Credentials;
  tls: TlsFiles;
  connectTimeoutMs: number; // until the connection can be used: TCP, TLS, bind, root DSE
}

export interface Question {
  base: string;
  scope: 'base' | 'sub';
  filter: Filter;
  attributes: readonly string[];
  page?: { size: number; cookie: Buffer | undefined };
  withDeleted?: boolean; // Active Directory's tombstones, too
}

/** A complete answer. `cookie` asks for the next page; without one there is none. */
export interface SearchAnswer {
  entries: RawEntry[];
  references: number;
  cookie: Buffer | undefined;
}

/** One connection to one server, bound once, used until its first error and then thrown away. It never reconnects. */
export interface LdapConnection {
  readonly server: LdapServer;
  readonly rootDse: RootDse;
  readonly alive: boolean;
  /** @throws LdapFailure unless the server said that the answer is complete. */
  readonly search: (question: Question, timeoutMs: number) => Promise<SearchAnswer>;
  /** Ends it; what still waits fails. */
  close(reason?: string): void;
  onClosed(listener: () => void): void;
}

/** Of one request, as decoded from the wire. */
const maxAnswerBytes = 256 * 1024 * 1024;
const showDeleted = '1.2.840.113556.1.4.417';
const startTls = '1.3.6.1.4.1.1466.20037';

/** Opens a connection and binds. @throws LdapFailure when that does not succeed in time. */
export async function openConnection(server: LdapServer, options: ConnectOptions): Promise<LdapConnection> {
  const { credentials, tls, connectTimeoutMs } = options;
  const deadline = performance.now() + connectTimeoutMs;
  const left = () => Math.max(1, deadline - performance.now());
  const wire = await openWire(server, tls, left);
  try {
    await bind(wire, credentials, left());
    const answer = await search(wire, { base: '', scope: 'base', filter: everything, attributes: rootDseAttributes }, left());
    const rootDse = rootDseOf(answer.entries[0]);
    if (!rootDse.synchronized) throw new LdapFailure('unreachable', 'the server is not synchronized yet');
    return {
      server,
      rootDse,
      get alive() {
        return wire.alive;
      },
      search: (question, timeoutMs) => search(wire, question, timeoutMs),
      close: (reason = 'closed') => {
        if (wire.alive) wire.say(new UnbindRequest({ messageId: wire.nextId() }));
        wire.end(new LdapFailure('broken', reason), true);
      },
      onClosed: (listener) => wire.onClosed(listener),
    };
  } catch (error) {
    wire.end(failureOf(error));
    throw failureOf(error);
  }
}

async function bind(wire: Wire, credentials: Credentials, timeoutMs: number): Promise<void> {
  const messageId = wire.nextId();
  const request =
    credentials.kind === 'external'
      ? new BindRequest({ messageId, mechanism: 'EXTERNAL', password: '' })
      : new BindRequest({
          messageId,
          dn: credentials.kind === 'simple' ? credentials.dn : '',
          password: credentials.kind === 'simple' ? credentials.password : '',
        });
  const result = await wire.ask(request, timeoutMs, () => {});
  if (result.operation !== 'bind') throw new LdapFailure('broken', 'another answer than that to our bind');
  if (result.code !== resultCode.success) throw refused('bind', result);
}

async function search(wire: Wire, question: Question, timeoutMs: number): Promise<SearchAnswer> {
  const { base, scope, filter, attributes, page, withDeleted = false } = question;
  const entries: RawEntry[] = [];
  let references = 0;
  let bytes = 0;
  const request = new SearchRequest({
    messageId: wire.nextId(),
    baseDN: base,
    scope,
    filter,
    attributes: [...attributes],
    sizeLimit: 0, // a limit of ours would hide whose limit it was that ended the answer
    timeLimit: Math.max(1, Math.ceil(timeoutMs / 1_000)),
    controls: [
      ...(page === undefined
        ? []
        : [
            new PagedResultsControl({
              critical: true,
              value: { size: page.size, ...(page.cookie === undefined ? {} : { cookie: page.cookie }) },
            }),
          ]),
      ...(withDeleted ? [new Control(showDeleted, { critical: true })] : []),
    ],
  });
  const result = await wire.ask(request, timeoutMs, (answer) => {
    bytes += answer.bytes;
    if (bytes > maxAnswerBytes) throw new LdapFailure('broken', `an answer of more than ${maxAnswerBytes} bytes`);
    if (answer.kind === 'entry') entries.push(answer.entry);
    else if (answer.kind === 'reference') references += 1;
  });
  if (result.operation !== 'search') throw new LdapFailure('broken', 'another answer than that to our search');
  if (result.code !== resultCode.success) throw refused('search', result);
  return { entries, references, cookie: result.cookie };
}

type Result = Extract<LdapAnswer, { kind: 'result' }>;

function refused(what: string, { code, text }: Result): LdapFailure {
  return new LdapFailure('refused', `${what} refused with result code ${code}${text === '' ? '' : `: ${text}`}`, code);
}

/** Bytes to and from the server, as messages. */
interface Wire {
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

async function openWire(server: LdapServer, tls: TlsFiles, left: () => number): Promise<Wire> {
  const { host, port } = server;
  if (server.tls === 'ldaps') {
    return wireOn(await opened(connectTls({ ...tlsOptions(host, tls), port, ...tcpOptions }), 'secureConnect', left()));
  }
  const plain = await opened(connectTcp({ host, port, ...tcpOptions }), 'connect', left());
  const wire = wireOn(plain);
  if (server.tls === 'none') return wire;
  try {
    const result = await wire.ask(new ExtendedRequest({ messageId: wire.nextId(), oid: startTls }), left(), () => {});
    if (result.operation !== 'extended' || result.code !== resultCode.success) throw refused('StartTLS', result);
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
