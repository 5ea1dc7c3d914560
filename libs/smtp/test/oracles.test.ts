import { afterEach, expect, test } from '@jest/globals';
import { createTransport } from 'nodemailer';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { certificate, listen, send } from './socket-driver.ts';

// Implementations of others: what both sides of ours agree on among themselves could be wrong together.

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Got {
  from: string;
  to: string[];
  content: string;
  user: string | undefined;
}

async function oracleServer(options: SMTPServerOptions = {}): Promise<{ port: number; got: Got[] }> {
  const got: Got[] = [];
  const server = new SMTPServer({
    ...certificate,
    authOptional: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'ada' && password === 'secret' ? done(null, { user: username }) : done(new Error('no')),
    onRcptTo: ({ address }, _session, done) => done(address.startsWith('nobody') ? new Error('no such user') : null),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        got.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          content: Buffer.concat(chunks).toString('latin1'),
          user: session.user,
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  closing.push(() => server.close(() => {}));
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, got };
}

const content = 'Subject: x\r\n\r\n.\r\n..\r\n.dots\r\ncaf\xe9\r\n';

test.each([
  ['STARTTLS and AUTH PLAIN', {}],
  ['AUTH LOGIN', { authMethods: ['LOGIN'] }],
  ['no PIPELINING', { hidePIPELINING: true }],
])('our client, smtp-server: %s', async (_, options) => {
  const { port, got } = await oracleServer(options);
  const mail = {
    sender: 'ada@corp.example',
    recipients: [{ mailbox: 'ben@x.example' }, { mailbox: 'nobody@x.example' }],
    body: '8bit' as const,
  };
  const second = { sender: null, recipients: [{ mailbox: 'nobody@x.example' }] };
  const third = { sender: null, recipients: [{ mailbox: 'chloe@x.example' }] };
  const result = await send(port, { tls: 'required', auth: { user: 'ada', password: 'secret' } }, [
    { mail, content: Buffer.from(content, 'latin1') },
    { mail: second, content: Buffer.from('never\r\n') },
    { mail: third, content: Buffer.from('third') },
  ]);
  expect(result).toMatchObject({ reason: 'the session was ended', tls: true, authenticated: true });
  expect(result.answers.map((one) => one.map(({ kind }) => kind))).toEqual([['accepted', 'refused'], ['refused'], ['accepted']]);
  expect(got).toEqual([
    { from: 'ada@corp.example', to: ['ben@x.example'], content, user: 'ada' },
    { from: '', to: ['chloe@x.example'], content: 'third\r\n', user: 'ada' },
  ]);
});

test('our client, smtp-server: wrong password', async () => {
  const { port } = await oracleServer();
  const result = await send(port, { tls: 'required', auth: { user: 'ada', password: 'guess' } }, []);
  expect(result.reason).toBe('authentication was refused');
});

test('our server, nodemailer: STARTTLS, AUTH, DSN, dots, 8-bit, one refused', async () => {
  const server = await listen({ requireAuth: true });
  closing.push(() => server.close());
  const transport = createTransport({
    host: '127.0.0.1',
    port: server.port,
    auth: { user: 'ada', pass: 'secret' },
    requireTLS: true,
    tls: { ca: certificate.cert, servername: 'localhost' },
  });
  const sent = await transport.sendMail({
    envelope: { from: 'ada@corp.example', to: ['ben@x.example', 'nobody@x.example'] },
    raw: Buffer.from(content, 'latin1'),
    dsn: { id: 'e1', return: 'headers', notify: ['failure', 'delay'], recipient: 'ada@corp.example' },
  });
  expect(sent.accepted).toEqual(['ben@x.example']);
  expect(sent.rejected).toEqual(['nobody@x.example']);
  const [host] = server.hosts;
  expect(host?.session.secure).toBe(true);
  expect(host?.mails).toHaveLength(1);
  expect(host?.mails[0]).toMatchObject({
    from: 'ada@corp.example',
    to: ['ben@x.example'],
    content,
    envid: 'e1',
    ret: 'hdrs',
    rcpts: [{ notify: ['failure', 'delay'], orcpt: 'rfc822;ada@corp.example' }],
  });
});

test('our server, nodemailer: addresses in UTF-8, and a composed message', async () => {
  const server = await listen({});
  closing.push(() => server.close());
  const transport = createTransport({ host: '127.0.0.1', port: server.port, tls: { rejectUnauthorized: false } });
  await transport.sendMail({
    from: 'ада@corp.example',
    to: 'bé@x.example',
    subject: 'Grüße',
    text: '.\nfrom the first line\n.\n',
    attachments: [{ filename: 'a.bin', content: Buffer.alloc(20_000, 7) }],
  });
  expect(server.hosts[0]?.mails[0]).toMatchObject({ from: 'ада@corp.example', to: ['bé@x.example'], smtputf8: true });
});

test('our server, nodemailer: too large', async () => {
  const server = await listen({ maxMessageBytes: 1_000 });
  closing.push(() => server.close());
  const transport = createTransport({ host: '127.0.0.1', port: server.port, tls: { rejectUnauthorized: false } });
  await expect(transport.sendMail({ from: 'a@corp.example', to: 'b@x.example', text: 'x'.repeat(2_000) })).rejects.toMatchObject({
    responseCode: 552,
  });
});
