import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ClientEvent, ClientSession, type OutgoingMail, type RecipientAnswer } from '../src/index.ts';
import { type HostOptions, RecordingHost } from './recording-host.ts';

/** The client engine against the server engine, bytes cut at will on their way. */
function converse(mails: readonly { mail: OutgoingMail; content: string }[], cut: (bytes: Buffer) => Buffer[], options: HostOptions = {}) {
  const host = new RecordingHost(options);
  const answers: (readonly RecipientAnswer[])[] = [];
  const toServer: Buffer[] = [];
  const queue = [...mails];
  let current: { mail: OutgoingMail; content: string } | undefined;
  let closed: (ClientEvent & { kind: 'closed' }) | undefined;
  let tls = false;
  const client: ClientSession = new ClientSession({ hostname: 'out.corp.example', auth: { user: 'ada', password: 'secret' } }, (event) => {
    switch (event.kind) {
      case 'send':
        toServer.push(event.bytes);
        break;
      case 'starttls':
        tls = true;
        break;
      case 'ready':
        current = queue.shift();
        if (current === undefined) client.quit();
        else client.start(current.mail);
        break;
      case 'content':
        for (const part of cut(Buffer.from(current?.content ?? '', 'latin1'))) client.write(part);
        client.endContent();
        break;
      case 'answered':
        answers.push(event.answers);
        break;
      case 'closed':
        closed = event;
    }
  });
  host.start();
  let said = 0;
  while (closed === undefined) {
    const before = toServer.length;
    for (const bytes of toServer.splice(0)) for (const part of cut(bytes)) host.session.receive(part);
    const heard = host.sent.slice(said);
    said = host.sent.length;
    if (heard === '' && before === 0) throw new Error(`both wait, in step ${client.step}`);
    for (const part of cut(Buffer.from(heard))) client.receive(part);
    if (tls) {
      tls = false;
      host.session.tlsStarted();
      client.tlsStarted();
    }
  }
  return { host, answers, closed };
}

const lines = fc
  .array(fc.constantFrom('', '.', '..', 'text', 'From nobody', 'caf\u00e9', '.leading', 'x'.repeat(1_200)), { maxLength: 12 })
  .map((all) => all.map((line) => `${line}\r\n`).join(''));
const recipients = fc.array(fc.constantFrom('ben@x.example', 'nobody@x.example', 'busy@x.example', '"a b"@x.example'), {
  minLength: 1,
  maxLength: 6,
});
const octets = fc
  .array(fc.constantFrom('\0', '\r', '\n', '\r\n.\r\n', 'QUIT\r\n', 'text', '\xff'), { maxLength: 12 })
  .map((all) => `X: y\r\n\r\n${all.join('')}`);
const contents = fc.oneof(
  fc.record({ content: lines, binary: fc.constant(false) }),
  fc.record({ content: octets, binary: fc.constant(true) }), // goes by BDAT
);
const mails = fc.array(
  fc.tuple(contents, recipients).map(([content, to]) => ({ ...content, to })),
  { maxLength: 4 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 });

test('every mail arrives as it was, each recipient hears its own answer, however the bytes are cut', () => {
  fc.assert(
    fc.property(mails, sizes, fc.boolean(), (all, lengths, pipelining) => {
      const extensions = [
        'SIZE',
        '8BITMIME',
        'CHUNKING',
        'BINARYMIME',
        'DSN',
        'STARTTLS',
        'AUTH',
        ...(pipelining ? (['PIPELINING'] as const) : []),
      ] as const;
      const orders = all.map(({ content, binary, to }) => ({
        mail: {
          sender: 'ada@corp.example',
          recipients: to.map((mailbox) => ({ mailbox })),
          ...(binary ? { body: 'binary' as const, sizeBytes: content.length } : {}),
        },
        content,
      }));
      let turn = 0;
      const cut = (bytes: Buffer) => {
        const parts: Buffer[] = [];
        for (let at = 0; at < bytes.length; ) {
          const length = lengths[turn++ % lengths.length] ?? 1;
          parts.push(bytes.subarray(at, at + length));
          at += length;
        }
        return parts;
      };
      const { host, answers, closed } = converse(orders, cut, { extensions, requireAuth: true, maxRefusedRecipients: 1_000 });
      expect(closed.reason).toBe('the session was ended');
      expect(host.session.secure).toBe(true);
      const good = (to: readonly string[]) => to.filter((mailbox) => !/^(nobody|busy)@/.test(mailbox));
      expect(host.mails.map(({ to, content }) => ({ to, content }))).toEqual(
        all.filter(({ to }) => good(to).length > 0).map(({ to, content }) => ({ to: good(to), content })),
      );
      expect(answers.map((one) => one.map(({ kind }) => kind))).toEqual(
        all.map(({ to }) =>
          to.map((mailbox) => (mailbox.startsWith('nobody') ? 'refused' : mailbox.startsWith('busy') ? 'deferred' : 'accepted')),
        ),
      );
    }),
    { interruptAfterTimeLimit: 2_000, numRuns: 500 },
  );
});

test('the replies of a pipelined envelope leave in one write', () => {
  const open = new RecordingHost({ extensions: ['PIPELINING'] });
  open.start();
  open.session.receive(Buffer.from('EHLO a\r\n'));
  const before = open.writes;
  open.session.receive(Buffer.from(`MAIL FROM:<a@b>\r\n${'RCPT TO:<c@d>\r\n'.repeat(10)}DATA\r\n`));
  expect(open.writes - before).toBe(1);
});
