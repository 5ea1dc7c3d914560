import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type MemoryContentStore, memoryContentStore } from '@mailrail/content-store';
import { memoryLedger } from '@mailrail/ledger';
import { type OrganizationInput, organizationOf } from '@mailrail/organization';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { authenticate, dkimSign } from 'mailauth';
import { openAcceptor } from '../src/accept.ts';
import type { DnsQuestion } from '../src/sender-checks/dns.ts';
import { senderChecks, type SenderChecksOptions } from '../src/sender-checks/sender-checks.ts';
import { openSmtpListener, type SmtpListener } from '../src/smtp-listener.ts';
import { type FakeLine, fakeLine } from './fake-line.ts';
import { Talk } from './talk.ts';

const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const publicKey = keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

const records: Record<string, string[][] | string[]> = {
  'TXT elsewhere.example': [['v=spf1 ip4:127.0.0.1 -all']],
  'TXT _dmarc.elsewhere.example': [['v=DMARC1; p=reject']],
  'TXT sel._domainkey.elsewhere.example': [[`v=DKIM1; k=rsa; p=${publicKey}`]],
  'TXT forged.example': [['v=spf1 ip4:192.0.2.1 -all']],
  'TXT _dmarc.forged.example': [['v=DMARC1; p=none']],
  'TXT lenient.example': [['v=spf1 ip4:192.0.2.1 ~all']],
};
const dns: DnsQuestion = async (name, type) => {
  const found = records[`${type} ${name.toLowerCase()}`];
  if (found === undefined) throw Object.assign(new Error(`no ${type} of ${name}`), { code: 'ENOTFOUND' });
  return found;
};
const dnsDown: DnsQuestion = async () => {
  throw Object.assign(new Error('no name server'), { code: 'ECONNREFUSED' });
};

let contents: MemoryContentStore;
let line: FakeLine;
let listeners: SmtpListener[] = [];
let metrics: ReturnType<typeof createMetrics>;

beforeEach(() => {
  contents = memoryContentStore();
  line = fakeLine();
  metrics = createMetrics('gateway');
});
afterEach(async () => {
  Talk.destroyAll();
  await Promise.all(listeners.map((listener) => listener.close()));
  listeners = [];
});

type SmtpInput = Extract<NonNullable<OrganizationInput['gateways']>[number], { kind: 'smtp' }>;

async function open(settings: Partial<SmtpInput>, more: Partial<SenderChecksOptions> = {}): Promise<Talk> {
  const organization = organizationOf({ hostname: 'gw.corp.example', gateways: [{ name: 'smtp', kind: 'smtp', ...settings }] });
  const listener = await openSmtpListener({
    kind: settings.listener ?? 'mx',
    host: '127.0.0.1',
    port: 0,
    acceptor: openAcceptor({ contents, line, organization, ledger: memoryLedger(), log: silentLog, metrics }),
    organization,
    log: silentLog,
    metrics,
    senders: senderChecks({ dns, log: silentLog, metrics, ...more }),
    account: { user: 'app', password: 'secret' },
  });
  listeners.push(listener);
  return Talk.hello(listener.port);
}

async function stored(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of contents.read(line.accepted[0]?.mail.content.ref ?? '')) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

const plain = (from: string, body = 'Hello.\r\n') => `From: Zoe <${from}>\r\nTo: ada@corp.example\r\nSubject: x\r\n\r\n${body}`;

async function signed(message: string, domain = 'elsewhere.example'): Promise<string> {
  const key = { signingDomain: domain, selector: 'sel', privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  const options = { ...key, canonicalization: 'relaxed/relaxed', signatureData: [key] };
  const { signatures } = await dkimSign(Buffer.from(message, 'latin1'), options);
  return signatures + message;
}

describe('mark', () => {
  test('a signed mail: its result stands above our Received, and it verifies afterwards as before', async () => {
    const message = await signed(plain('zoe@elsewhere.example', 'Hello  world. \r\n\r\nBye.\r\n\r\n\r\n'));
    const talk = await open({ senderChecks: 'mark' });
    expect(await talk.mail({ content: message })).toMatch(/^250/);
    const text = await stored();
    const signature = /\bb=\s*([\w+/]{8})/.exec(message.replaceAll(/\r\n\s+/g, ''))?.[1];
    expect(text).toMatch(
      /^Return-Path: <zoe@elsewhere\.example>\r\nAuthentication-Results: gw\.corp\.example;\r\n\tdkim=pass .*\r\nReceived: from client\.example /s,
    );
    expect(text).toContain(
      `\r\n\tdkim=pass header.d=elsewhere.example header.s=sel header.b=${signature};\r\n` +
        '\tspf=pass smtp.mailfrom=elsewhere.example;\r\n\tdmarc=pass header.from=elsewhere.example policy.dmarc=reject\r\n',
    );
    expect(text.endsWith(message)).toBe(true);
    const content = line.accepted[0]?.mail.content;
    expect(text.slice(content?.relayOffset)).toMatch(/^Authentication-Results: /);
    const again = await authenticate(Buffer.from(text.slice(content?.relayOffset), 'latin1'), {
      ip: '127.0.0.1',
      resolver: async (name, type) => dns(name, type) as Promise<string[][]>,
    });
    expect(again.dkim.results.map(({ status }) => status.result)).toEqual(['pass']);
  });

  test('a large one streams, and passes byte for byte, too', async () => {
    const body = `${'A line of text that is long enough to be one of many. \r\n'.repeat(40_000)}`;
    const message = await signed(plain('zoe@elsewhere.example', body));
    const talk = await open({ senderChecks: 'mark' });
    expect(await talk.mail({ content: message })).toMatch(/^250/);
    const text = await stored();
    expect(text).toMatch(/^Return-Path: .*\r\nAuthentication-Results: gw\.corp\.example;\r\n\tdkim=pass /);
    expect(text.endsWith(message)).toBe(true);
    expect(text).toHaveLength(line.accepted[0]?.mail.content.sizeBytes ?? 0);
  });

  test('what claims to be our result is taken out, another’s stays', async () => {
    const talk = await open({ senderChecks: 'mark' });
    await talk.mail({
      content:
        'Authentication-Results: gw.corp.example; dkim=pass header.d=bank.example\r\n' +
        `Authentication-Results: mx.other.example; spf=pass\r\n${plain('zoe@elsewhere.example')}`,
    });
    const text = await stored();
    expect(text).not.toContain('bank.example');
    expect(text).toContain('\r\nAuthentication-Results: mx.other.example; spf=pass\r\n');
    expect(text.match(/^Authentication-Results: gw\.corp\.example;/gm)).toHaveLength(1);
  });

  test('a changed body does not verify, and is marked only', async () => {
    const message = (await signed(plain('zoe@elsewhere.example'))).replace('Hello.', 'Hullo.');
    const talk = await open({ senderChecks: 'mark' });
    expect(await talk.mail({ from: 'zoe@forged.example', content: message })).toMatch(/^250/);
    const text = await stored();
    expect(text).toMatch(/\r\n\tdkim=(fail|neutral) header\.d=elsewhere\.example /);
    expect(text).toContain('\r\n\tspf=fail smtp.mailfrom=forged.example;');
    expect(text).toContain('\r\n\tdmarc=fail header.from=elsewhere.example policy.dmarc=reject\r\n');
  });

  test('a report has no reverse-path: the name the client gave is looked at', async () => {
    const talk = await open({ senderChecks: 'mark' });
    await talk.say('EHLO elsewhere.example');
    await talk.mail({ from: '', content: plain('postmaster@elsewhere.example') });
    expect(await stored()).toContain('\r\n\tspf=pass smtp.helo=elsewhere.example;');
  });
});

describe('reject', () => {
  test.each([
    ['the author’s domain refuses what fails', 'zoe@lenient.example', 'ceo@elsewhere.example', /^550 5\.7\.26 /],
    ['the reverse-path’s domain says this client never sends for it', 'zoe@forged.example', 'zoe@forged.example', /^550 5\.7\.23 /],
    ['a soft fail is marked', 'zoe@lenient.example', 'zoe@lenient.example', /^250 /],
    ['nobody says anything of it', 'zoe@silent.example', 'zoe@silent.example', /^250 /],
    ['all is well', 'zoe@elsewhere.example', 'zoe@elsewhere.example', /^250 /],
  ])('%s', async (_, from, author, reply) => {
    const talk = await open({ senderChecks: 'reject' });
    expect(await talk.mail({ from, content: plain(author) })).toMatch(reply);
    expect(line.accepted).toHaveLength(String(reply).startsWith('/^250') ? 1 : 0);
    expect(await talk.say('NOOP')).toMatch(/^250/);
  });

  test('a large one is refused, too, and nothing of it stays', async () => {
    const talk = await open({ senderChecks: 'reject' });
    const content = plain('ceo@elsewhere.example', `${'x'.repeat(70)}\r\n`.repeat(10_000));
    expect(await talk.mail({ from: 'zoe@lenient.example', content })).toMatch(/^550 5\.7\.26 /);
    expect(await contents.sweep(Number.POSITIVE_INFINITY)).toBe(0);
  });

  test('a signature that holds speaks for what was forwarded', async () => {
    const talk = await open({ senderChecks: 'reject' });
    expect(await talk.mail({ from: 'list@forged.example', content: await signed(plain('zoe@elsewhere.example')) })).toMatch(/^250/);
  });

  test('the DNS is down: temperror, and taken', async () => {
    const talk = await open({ senderChecks: 'reject' }, { dns: dnsDown });
    expect(await talk.mail({ from: 'zoe@forged.example', content: await signed(plain('ceo@elsewhere.example')) })).toMatch(/^250/);
    const text = await stored();
    for (const method of ['dkim', 'spf', 'dmarc']) expect(text).toContain(`\t${method}=temperror `);
  });

  test('the key alone is not to be had: no verdict against the mail', async () => {
    const withoutKey: DnsQuestion = (name, type) => (name.startsWith('sel.') ? dnsDown(name, type) : dns(name, type));
    const talk = await open({ senderChecks: 'reject' }, { dns: withoutKey });
    expect(await talk.mail({ from: 'x@lenient.example', content: await signed(plain('ceo@elsewhere.example')) })).toMatch(/^250/);
    expect(await stored()).toContain('\tdkim=temperror ');
  });

  test('the DNS says nothing for ever: taken in time', async () => {
    const never: DnsQuestion = () => new Promise(() => {});
    const talk = await open({ senderChecks: 'reject' }, { dns: never, withinMs: 200 });
    expect(await talk.mail({ content: plain('ceo@elsewhere.example') })).toMatch(/^250/);
  });

  test('the library fails: taken, and the field says that nothing was checked', async () => {
    const broken = async () => ({
      authenticate: async () => {
        throw new Error('a bug');
      },
    });
    const talk = await open({ senderChecks: 'reject' }, { library: broken });
    expect(await talk.mail({ content: plain('ceo@elsewhere.example', `${'x'.repeat(70)}\r\n`.repeat(10_000)) })).toMatch(/^250/);
    expect(await stored()).toContain('\r\nAuthentication-Results: gw.corp.example; none\r\n');
  });

  test('whoever authenticates is not checked', async () => {
    const talk = await open({ senderChecks: 'reject', requireAuthentication: true });
    await talk.say(`AUTH PLAIN ${Buffer.from('\0app\0secret').toString('base64')}`);
    expect(await talk.mail({ from: 'zoe@forged.example', content: plain('ceo@elsewhere.example') })).toMatch(/^250/);
    expect(await stored()).toMatch(/^Return-Path: .*\r\nReceived: /);
  });
});

test('none: nobody is asked, and nothing is added', async () => {
  let asked = 0;
  const counting: DnsQuestion = (name, type) => ((asked += 1), dns(name, type));
  const talk = await open({}, { dns: counting });
  expect(await talk.mail({ from: 'zoe@forged.example', content: plain('ceo@elsewhere.example') })).toMatch(/^250/);
  expect(await stored()).toMatch(/^Return-Path: .*\r\nReceived: /);
  expect(asked).toBe(0);
});

test('a client that leaves in the middle leaves nothing', async () => {
  const talk = await open({ senderChecks: 'mark' });
  for (const command of ['MAIL FROM:<zoe@elsewhere.example>', 'RCPT TO:<ada@corp.example>', 'DATA']) await talk.say(command);
  talk.send(plain('zoe@elsewhere.example', `${'x'.repeat(70)}\r\n`.repeat(10_000)));
  talk.socket.end();
  await talk.end();
  await listeners[0]?.close();
  expect(line.accepted).toHaveLength(0);
  expect(await contents.sweep(Number.POSITIVE_INFINITY)).toBe(0);
});
