import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { memoryLedger } from '@mailrail/ledger';
import { organizationOf } from '@mailrail/organization';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { openAcceptor } from '../src/accept.ts';
import { openSmtpListener, type SmtpListener } from '../src/smtp-listener.ts';
import { type FakeLine, fakeLine } from './fake-line.ts';

// A client that postmasters trust, against the listener.

const run = promisify(execFile);
const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
const tls = { key: fixture('server.key'), cert: fixture('server.crt') };
const contents = memoryContentStore();
let line: FakeLine;
let mx: SmtpListener;
let submission: SmtpListener;
let more: Record<'smtps' | 'submissions' | 'lmtp' | 'proxied' | 'xclient', SmtpListener>;

beforeAll(async () => {
  await run('swaks', ['--version']).catch(() =>
    run('apt-get', ['install', '-y', '--no-install-recommends', 'swaks', 'libnet-ssleay-perl']),
  );
  line = fakeLine();
  const organization = organizationOf();
  const metrics = createMetrics('gateway');
  const acceptor = openAcceptor({ contents, line, organization, ledger: memoryLedger(), log: silentLog, metrics });
  const common = { host: '127.0.0.1', port: 0, acceptor, organization, log: silentLog, metrics, tls };
  mx = await openSmtpListener({ ...common, kind: 'mx' });
  submission = await openSmtpListener({ ...common, kind: 'submission', account: { user: 'app', password: 'secret' } });
  const behind = (settings: object) => ({
    ...common,
    organization: organizationOf({ gateways: [{ name: 'mx', kind: 'smtp', ...settings }] }),
  });
  more = {
    smtps: await openSmtpListener({ ...common, kind: 'mx', implicitTls: true }),
    submissions: await openSmtpListener({ ...common, kind: 'submission', implicitTls: true, account: { user: 'app', password: 'secret' } }),
    lmtp: await openSmtpListener({ ...common, kind: 'lmtp' }),
    proxied: await openSmtpListener({ ...behind({ proxyNetworks: ['127.0.0.1'] }), kind: 'mx' }),
    xclient: await openSmtpListener({ ...behind({ xclientNetworks: ['127.0.0.1'] }), kind: 'mx' }),
  };
}, 120_000);

afterAll(async () => {
  await Promise.all([mx, submission, ...Object.values(more)].map((listener) => listener.close()));
});

/** @returns what swaks printed, and its exit code: 0 sent, 24 no recipient, 26 refused at the end of data, 28 wrong password. */
async function swaks(port: number, ...args: string[]): Promise<{ code: number; text: string }> {
  const all = ['--server', '127.0.0.1', '--port', String(port), '--helo', 'client.example', '--from', 'zoe@elsewhere.example', ...args];
  try {
    const { stdout } = await run('swaks', all, { timeout: 30_000, maxBuffer: 50_000_000 });
    return { code: 0, text: stdout };
  } catch (error) {
    const { code = -1, stdout = '' } = error as { code?: number; stdout?: string }; // as execFile rejects
    return { code, text: stdout };
  }
}

test.each([
  ['clear text', []],
  ['PIPELINING', ['--pipeline']],
  ['STARTTLS', ['--tls']],
  ['STARTTLS and PIPELINING', ['--tls', '--pipeline']],
  ['HELO', ['--protocol', 'SMTP']],
])('a mail with %s', async (_, args) => {
  const before = line.accepted.length;
  const { code, text } = await swaks(mx.port, '--to', 'ada@corp.example,ben@corp.example', '--body', '.\n..\ntext', ...args);
  expect([code, code === 0 ? '' : text]).toEqual([0, '']);
  expect(line.accepted.slice(before).map(({ mail }) => mail.recipients.length)).toEqual([2]);
});

const proxy = ['--proxy-family', 'TCP4', '--proxy-source', '192.0.2.9', '--proxy-source-port', '12345'];
const proxyDestination = ['--proxy-dest', '192.0.2.1', '--proxy-dest-port', '25'];
test.each([
  ['TLS from the first byte', 'smtps', ['--tls-on-connect'], '127.0.0.1'],
  [
    'TLS from the first byte and AUTH',
    'submissions',
    ['--tls-on-connect', '--auth', 'PLAIN', '--auth-user', 'app', '--auth-password', 'secret'],
    '127.0.0.1',
  ],
  ['LMTP', 'lmtp', ['--protocol', 'LMTP'], '127.0.0.1'],
  ['LMTP with STARTTLS', 'lmtp', ['--protocol', 'LMTP', '--tls'], '127.0.0.1'],
  ['PROXY, version 1', 'proxied', ['--proxy-version', '1', ...proxy, ...proxyDestination], '192.0.2.9'],
  [
    'PROXY, version 2',
    'proxied',
    ['--proxy-version', '2', '--proxy-protocol', 'STREAM', '--proxy-command', 'PROXY', ...proxy, ...proxyDestination].map((word) =>
      word === 'TCP4' ? 'AF_INET' : word,
    ),
    '192.0.2.9',
  ],
  ['XCLIENT', 'xclient', ['--xclient', 'ADDR=192.0.2.9 NAME=client.example'], '192.0.2.9'],
] as const)('%s', async (_, listener, args, peer) => {
  const before = line.accepted.length;
  const { code, text } = await swaks(more[listener].port, '--to', 'ada@corp.example,ben@corp.example', ...args);
  expect([code, code === 0 ? '' : text]).toEqual([0, '']);
  expect(line.accepted.slice(before).map(({ mail }) => [mail.recipients.length, mail.origin.peer])).toEqual([[2, peer]]);
});

test('an attachment of 3 MB arrives whole', async () => {
  const file = join(tmpdir(), `swaks-${process.pid}.bin`);
  await writeFile(file, Buffer.alloc(3_000_000, 7));
  const { code } = await swaks(mx.port, '--to', 'ada@corp.example', '--attach', `@${file}`);
  expect(code).toBe(0);
  expect(line.accepted.at(-1)?.mail.content.sizeBytes).toBeGreaterThan(4_000_000);
}, 60_000);

test('a recipient of others is refused', async () => {
  const { code, text } = await swaks(mx.port, '--to', 'x@foreign.example');
  expect(text).toContain('550 5.7.1');
  expect(code).toBe(24);
});

test.each(['PLAIN', 'LOGIN'])('submission with AUTH %s', async (mechanism) => {
  const auth = ['--auth', mechanism, '--auth-user', 'app', '--auth-password', 'secret'];
  expect((await swaks(submission.port, '--to', 'x@foreign.example', '--tls', ...auth)).code).toBe(0);
  expect(line.accepted.at(-1)?.mail.origin).toMatchObject({ authenticated: true, trust: 'inside' });
  expect((await swaks(submission.port, '--to', 'x@foreign.example', '--tls', ...auth.slice(0, 5), 'wrong')).code).toBe(28);
});
