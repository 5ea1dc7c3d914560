import { BindRequest, Control, type Filter, PagedResultsControl, SearchRequest, UnbindRequest } from 'ldapts';
import type { ChangesSince, RawEntry } from './answers.ts';
import { DirSyncControl } from './dir-sync-control.ts';
import { failureOf, LdapFailure, refusal, resultCode } from './failure.ts';
import { everything } from './filters.ts';
import { type RootDse, rootDseAttributes, rootDseOf } from './root-dse.ts';
import type { LdapServer } from './server-url.ts';
import { openWire, type TlsFiles, type Wire } from './wire.ts';

/** Who we are to the server. */
export type Credentials =
  | { kind: 'anonymous' }
  | { kind: 'simple'; dn: string; password: string } // RFC 4513 §5.1.3
  | { kind: 'external' }; // SASL EXTERNAL: the certificate of the TLS connection says it

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
  changedSince?: Buffer; // Active Directory's DirSync: the cookie of the answer before
}

/** A complete answer. `cookie` asks for the next page; without one there is none. */
export interface SearchAnswer {
  entries: RawEntry[];
  references: number;
  cookie: Buffer | undefined;
  changes: ChangesSince | undefined; // of a question for changes
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
  if (result.code !== resultCode.success) throw refusal('bind', result.code, result.text);
}

async function search(wire: Wire, question: Question, timeoutMs: number): Promise<SearchAnswer> {
  const { base, scope, filter, attributes, page, withDeleted = false, changedSince } = question;
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
      ...(changedSince === undefined ? [] : [new DirSyncControl(changedSince)]),
    ],
  });
  const result = await wire.ask(request, timeoutMs, (answer) => {
    bytes += answer.bytes;
    if (bytes > maxAnswerBytes) throw new LdapFailure('broken', `an answer of more than ${maxAnswerBytes} bytes`);
    if (answer.kind === 'entry') entries.push(answer.entry);
    else if (answer.kind === 'reference') references += 1;
  });
  if (result.operation !== 'search') throw new LdapFailure('broken', 'another answer than that to our search');
  if (result.code !== resultCode.success) throw refusal('search', result.code, result.text);
  return { entries, references, cookie: result.cookie, changes: result.changes };
}
