import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { debianTree, waitFor } from '@mailrail/testing';
import { eximTo } from './src/senders/exim.ts';
import { opensmtpdTo } from './src/senders/opensmtpd.ts';
import { postfixTo } from './src/senders/postfix.ts';
import { command, type Neighbour, toolsFolder } from './src/senders/sender.ts';
import { letter } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

// Mail servers and clients of others hand mail in; it is looked at where it arrives.

let system: System;
let mx: number;
beforeAll(async () => {
  system = await startSystem();
  mx = Number(new URL(system.first.smtp).port);
}, 120_000);
afterAll(async () => system.close(), 60_000);

const inMailbox = (address: string, text: string) =>
  waitFor(
    async () => {
      for (const file of system.mailbox(address)) {
        const content = Buffer.from(await system.read(file), 'latin1').toString();
        if (content.includes(text)) return content;
      }
      return undefined;
    },
    { what: `${text} in the mailbox of ${address}`, timeoutMs: 60_000 },
  );
/** Our own trace line of a mail, unfolded. */
const received = (stored: string) => /^Received: [^\n]*(?:\n[ \t][^\n]*)*/m.exec(stored)?.[0].replaceAll(/\s+/g, ' ');

interface Kind {
  name: string;
  start: (port: number) => Promise<Neighbour>;
  /** What in its log says that BDAT carried a mail. */
  chunking?: RegExp;
  smtputf8: boolean;
}
const kinds: Kind[] = [
  { name: 'Postfix', start: postfixTo, smtputf8: true },
  { name: 'Exim', start: eximTo, chunking: /=> ada@corp\.example .* X=TLS\S+ .*K C=/, smtputf8: true },
  { name: 'OpenSMTPD', start: opensmtpdTo, smtputf8: false },
];

describe.each(kinds)('$name relays in', ({ name, start, chunking, smtputf8 }) => {
  const id = name.toLowerCase();
  let neighbour: Neighbour;
  beforeAll(async () => {
    neighbour = await start(mx);
  }, 280_000);
  afterAll(async () => neighbour?.close(), 30_000);

  test('a mail, over TLS, its lines and dots as they were', async () => {
    const body = `.\r\n..\r\n${'x'.repeat(900)}\r\ngr\u00fc\u00df\r\n`;
    const dotted = body.replaceAll(/^\./gm, '..');
    const fields = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Transfer-Encoding': '8bit' };
    const message = letter(`${id}-tls`, fields, dotted);
    await neighbour.submit({ from: 'zoe@elsewhere.example', to: 'ada@corp.example', message, mailParameters: ' BODY=8BITMIME' });
    const stored = await inMailbox('ada@corp.example', `<${id}-tls@`);
    expect(received(stored)).toMatch(new RegExp(`from ${id}|from postfix\\.bench`));
    expect(received(stored)).toMatch(/ with ESMTPS /);
    expect(stored).toContain(`\r\n\r\n${body}`);
  }, 120_000);

  if (chunking !== undefined) {
    test('with CHUNKING', async () => {
      const message = letter(`${id}-chunks`, {}, 'x'.repeat(70).concat('\r\n').repeat(3_000));
      await neighbour.submit({ from: 'zoe@elsewhere.example', to: 'ada@corp.example', message });
      const stored = await inMailbox('ada@corp.example', `<${id}-chunks@`);
      expect(stored.length).toBeGreaterThan(210_000);
      expect(await neighbour.log()).toMatch(chunking);
    }, 120_000);
  }

  test('with DSN: its wish is kept, and the sender hears of the delivery', async () => {
    await neighbour.submit({
      from: 'ben@corp.example',
      to: 'chloe@corp.example',
      message: letter(`${id}-dsn`),
      mailParameters: ` RET=HDRS ENVID=${id}-wish`,
      rcptParameters: ' NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Chloe@old.example',
    });
    await inMailbox('chloe@corp.example', `<${id}-dsn@`);
    const report = await inMailbox('ben@corp.example', `Original-Envelope-Id: ${id}-wish`);
    expect(report).toMatch(/^Action: delivered\r$/m);
    expect(report).toMatch(/^Original-Recipient: rfc822;Chloe@old\.example\r$/m);
  }, 120_000);

  if (smtputf8) {
    test('with SMTPUTF8', async () => {
      const message = letter(`${id}-utf8`, { From: 'zo\u00eb@elsewhere.example', Subject: 'Gr\u00fc\u00dfe' });
      await neighbour.submit({
        from: 'zo\u00eb@elsewhere.example',
        to: 'ada@corp.example',
        message,
        mailParameters: ' BODY=8BITMIME SMTPUTF8',
      });
      const stored = await inMailbox('ada@corp.example', `<${id}-utf8@`);
      expect(stored).toMatch(/^Return-Path: <zo\u00eb@elsewhere\.example>\r\n/);
      expect(received(stored)).toMatch(/ with UTF8SMTPS /);
      expect(stored).toContain('Subject: Gr\u00fc\u00dfe\r\n');
    }, 120_000);
  }
});

describe('clients', () => {
  const account = () => {
    const { url, user, password } = system.first.submission;
    return { host: '127.0.0.1', port: new URL(url).port, user, password };
  };
  async function file(id: string): Promise<string> {
    const name = path.join(system.data, `${id}.eml`);
    await writeFile(name, `${letter(id)}\r\n`);
    return name;
  }

  test('curl: STARTTLS, and AUTH on the submission listener', async () => {
    const common = ['-sS', '-k', '--ssl-reqd', '--mail-from', 'zoe@elsewhere.example', '--mail-rcpt', 'ada@corp.example'];
    await command('curl', [...common, '--upload-file', await file('curl-mx'), `smtp://127.0.0.1:${mx}/client.example`]);
    expect(received(await inMailbox('ada@corp.example', '<curl-mx@'))).toMatch(/ with ESMTPS /);
    const { host, port, user, password } = account();
    const login = ['--user', `${user}:${password}`, '--upload-file', await file('curl-auth')];
    await command('curl', [...common, ...login, `smtp://${host}:${port}/client.example`]);
    expect(received(await inMailbox('ada@corp.example', '<curl-auth@'))).toMatch(/ with ESMTPSA /);
  }, 120_000);

  test.each(['plain', 'login', 'scram-sha-256'])(
    'msmtp: STARTTLS and AUTH %s',
    async (mechanism) => {
      const program = 'usr/bin/msmtp';
      const { root, libraries } = await debianTree(toolsFolder('msmtp'), { packages: ['msmtp'], programs: [program] });
      const { host, port, user, password } = account();
      const id = `msmtp-${mechanism}`;
      const tls = ['--tls=on', '--tls-starttls=on', '--tls-certcheck=off'];
      const auth = [`--auth=${mechanism}`, `--user=${user}`, `--passwordeval=echo ${password}`];
      const where = ['--file=/dev/null', `--host=${host}`, `--port=${port}`, '--from=ada@corp.example'];
      await command(path.join(root, program), [...where, ...tls, ...auth, 'ben@corp.example'], { input: letter(id), libraries });
      expect(received(await inMailbox('ben@corp.example', `<${id}@`))).toMatch(/ with ESMTPSA /);
    },
    280_000,
  );

  test('openssl s_client: a mail typed by hand inside TLS', async () => {
    const lines = ['ehlo client.example', 'mail from:<zoe@elsewhere.example>', 'rcpt to:<ada@corp.example>', 'data'];
    const input = [...lines, `${letter('openssl')}\r\n.`, 'quit', ''].join('\r\n');
    const said = await command('openssl', ['s_client', '-starttls', 'smtp', '-quiet', '-connect', `127.0.0.1:${mx}`], { input });
    expect(said).toContain('250 2.0.0 Ok: queued as');
    expect(received(await inMailbox('ada@corp.example', '<openssl@'))).toMatch(/ with ESMTPS /);
  }, 60_000);

  test('the end: everything balances', async () => {
    await system.settled();
  }, 60_000);
});
