import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { organizationOf } from '@mailrail/organization';
import { allExtensions, type Extension, type Reply } from '@mailrail/smtp';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { type Dialogue, readDialogues } from '../../../libs/smtp/test/dialogue.ts';
import { usual } from '../../../libs/smtp/test/recording-host.ts';
import { openSmtpListener, type SmtpListener } from '../src/smtp-listener.ts';
import { type FakeAcceptor, fakeAcceptor } from './fake-acceptor.ts';

// The dialogues of the engine, spoken with the listener over a socket: what the gateway adds must not change a reply.

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
const tls = { key: fixture('server.key'), cert: fixture('server.crt') };
const dialogues = readDialogues(join(import.meta.dirname, '../../../libs/smtp/test/dialogues'));

/** Dialogues that need a host which the gateway is not, and why. */
const elsewhere: Readonly<Record<string, string>> = {
  ...because('a host that refuses single recipients by their local part', [
    '05-pipelined',
    '06-pipelined-all-refused',
    '39-host-closes-with-421',
    '76-too-many-refused-recipients',
    '93-temporary-recipient',
    'dp-bdat-no-valid-recipients',
  ]),
  ...because('AUTH offered after TLS only; on loopback a listener with accounts offers it at once', [
    '12a-help-lists-what-is-offered',
    'a0-starttls',
    'a1-starttls-injection',
    'a4-tls-required',
    'b0-auth-needs-tls',
  ]),
  ...because('a nonce of the server that is known in advance', [
    'l0-scram',
    'l1-scram-asked',
    'l2-scram-wrong-password',
    'l3-scram-nobody',
    'l4-scram-cancelled',
    'l5-scram-malformed',
    'l7-scram-extensions',
  ]),
  ...because('a host that lets one account act for another', ['j3-auth-plain-forms']),
  ...because('an account without SCRAM', ['l6-scram-not-offered']),
  ...because('AUTH offered and not required: no listener does so', ['b4-auth-bad', 'b8-auth-parameter']),
  ...because('a clock that stands still', ['o0-futurerelease', 'o1-futurerelease-bad']),
  ...because('FUTURERELEASE without a bound: a listener does not have it then', ['o3-futurerelease-no-bound']),
  ...because('a host that refuses TLS it has offered', ['a3-starttls-unavailable']),
  ...because('a peer that has proved to be a site', ['c0-site-extension', 'c1-site-extension-bad', 'c2-site-extension-after-auth']),
};

function because(reason: string, names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, reason]));
}

interface Options {
  extensions?: Extension[];
  maxMessageBytes?: number;
  maxHeaderBytes?: number;
  maxRecipients?: number;
  requireTls?: boolean;
  cleartextAuth?: boolean;
  maxErrors?: number;
  maxMails?: number;
  xclient?: boolean;
  protocol?: 'lmtp';
  refuseMail?: Reply;
  refuseData?: Reply;
  refuseContent?: Reply;
  refuseAtStart?: Reply;
}

let acceptor: FakeAcceptor;
let opened: SmtpListener | undefined;
let socket: Socket | undefined;
beforeEach(() => {
  acceptor = fakeAcceptor();
});
afterEach(async () => {
  socket?.destroy();
  await opened?.close();
});

test.each(dialogues.filter(({ name }) => elsewhere[name] === undefined))('$name', async (dialogue) => {
  const line = await openFor(dialogue);
  let waiting: Buffer[] = [];
  for (const step of dialogue.steps) {
    if (step.kind === 'client') {
      waiting.push(step.bytes);
      continue;
    }
    if (waiting.length > 0) socket?.write(Buffer.concat(waiting));
    waiting = [];
    if (step.kind === 'server') expect((await line.next()).slice(0, step.prefix.length)).toBe(step.prefix);
    else if (step.kind === 'tls') await line.startTls();
    else expect(await line.rest()).toBe('');
  }
  socket?.end();
  expect(await line.rest()).toBe('');
  await waitFor(() => opened?.sessions === 0, { what: 'the session gone' });
  expect(acceptor.taken).toHaveLength(dialogue.mails.length);
  for (const [at, { request, bytes }] of acceptor.taken.entries()) {
    const { from, to, content = bytes.toString('latin1') } = dialogue.mails[at] ?? {};
    expect(request.sender).toBe(typeof from === 'string' ? `SMTP:${from}` : from);
    if (Array.isArray(to)) {
      const given = request.recipients.map(({ address, original = address }) => original.replace(/^SMTP:/, ''));
      expect(given.map(lowerDomain)).toEqual(to.map(lowerDomain));
    }
    expect(bytes.toString('latin1')).toBe(content);
  }
  expect(acceptor.aborted).toBe(dialogue.aborts.length);
});

test('few are left out, and only such as exist', () => {
  const names = new Set(dialogues.map(({ name }) => name));
  expect(Object.keys(elsewhere).filter((name) => !names.has(name))).toEqual([]);
  expect(dialogues.length - Object.keys(elsewhere).length).toBeGreaterThanOrEqual(150);
});

async function openFor({ options: given }: Dialogue): Promise<Lines> {
  const options = given as Options; // written by us, and a wrong key shows in the outcome
  const { extensions = usual } = options;
  const refused = (reply: Reply | undefined, cause: 'full' | 'down') =>
    reply === undefined ? undefined : { ok: false as const, reply, cause };
  acceptor.answers = {
    obstacle: refused(options.refuseAtStart, 'down') ?? refused(options.refuseMail, 'full'),
    begin: refused(options.refuseData, 'full'),
    finish: refused(options.refuseContent, 'full'),
  };
  const listener = options.protocol ?? (options.cleartextAuth === true ? 'submission' : 'mx');
  const source = organizationOf({
    hostname: 'mx.corp.example',
    gateways: [
      {
        name: listener,
        kind: 'smtp',
        insideNetworks: ['127.0.0.0/8'], // the dialogues send to anybody
        listener,
        requireTls: options.requireTls === true,
        xclientNetworks: options.xclient === true ? ['127.0.0.1'] : [],
        maxErrors: options.maxErrors ?? 20,
        ...(options.maxMails === undefined ? {} : { maxMails: options.maxMails }),
        ...(extensions.includes('FUTURERELEASE') ? { maxHold: '1d' } : {}),
        withhold: allExtensions.filter((extension) => !extensions.includes(extension)),
      },
    ],
  });
  // Limits smaller than the file allows.
  const snapshot = source.current();
  const {
    maxMessageBytes: messageBytes = 100_000,
    maxHeaderBytes: headerBytes = 1_048_576,
    maxRecipients: recipientsPerMessage = 10,
  } = options;
  const limits = { ...snapshot.settings.limits, messageBytes, headerBytes, recipientsPerMessage };
  const organization = { current: () => ({ ...snapshot, settings: { ...snapshot.settings, limits } }) };
  opened = await openSmtpListener({
    kind: listener,
    account: { user: 'ada', password: 'secret' },
    host: '127.0.0.1',
    port: 0,
    acceptor,
    organization,
    log: silentLog,
    metrics: createMetrics('gateway'),
    tls,
    limits: { lingerMs: 500, authDelayMs: 1 },
  });
  return new Lines(opened.port);
}

/** The lines of the server, one by one; every wait has an end. */
class Lines {
  #heard = '';
  #ended = false;

  constructor(port: number) {
    this.#listen(connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }));
  }

  async next(): Promise<string> {
    await waitFor(() => this.#heard.includes('\r\n') || this.#ended, { what: 'a line of the server', timeoutMs: 5_000 });
    const [line = '', ...rest] = this.#heard.split('\r\n');
    this.#heard = rest.join('\r\n');
    return line;
  }

  /** What comes until the server closes. */
  async rest(): Promise<string> {
    await waitFor(() => this.#ended, { what: 'the end of the connection', timeoutMs: 5_000 });
    return this.#heard;
  }

  async startTls(): Promise<void> {
    socket?.removeAllListeners();
    if (socket === undefined) return;
    const secured = connectTls({ socket, rejectUnauthorized: false, servername: 'localhost' });
    this.#listen(secured);
    await waitFor(() => secured.getCipher() !== undefined && secured.authorizationError !== undefined, { what: 'TLS', timeoutMs: 5_000 });
  }

  #listen(to: Socket): void {
    socket = to;
    to.on('data', (bytes: Buffer) => {
      this.#heard += bytes.toString('latin1');
    });
    to.on('error', () => {});
    for (const event of ['end', 'close'])
      to.on(event, () => {
        this.#ended = true;
      });
  }
}

function lowerDomain(mailbox: unknown): string {
  return String(mailbox).replace(/@.*$/, (domain) => domain.toLowerCase());
}
