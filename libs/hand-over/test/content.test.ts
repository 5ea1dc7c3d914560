import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { ContentStoreError } from '@mailrail/content-store';
import { messageBytes } from '@mailrail/testing';
import { returnPath, routedTo, storeOf, stored } from './fakes.ts';
import { connectorTo, summary } from './line.ts';
import { scriptedServer } from './scripted-server.ts';

const ada = 'ada@remote.example';
const offered = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'SIZE 100000'];

/** Sends one message and tells what the peer got. */
async function sent(message: Buffer, more: { offers?: string[]; mail?: Parameters<typeof routedTo>[1]; content?: object } = {}) {
  const bytes = stored(message);
  await using server = await scriptedServer({ offers: more.offers ?? offered });
  using connector = connectorTo([server.port], { store: storeOf({ body: bytes }) });
  const mail = routedTo([ada], { bytes, ...more.mail });
  const outcome = await connector.handle({ ...mail, content: { ...mail.content, ...more.content } });
  const [session] = server.sessions;
  return {
    outcome: summary(outcome),
    data: server.mails[0]?.data,
    mailFrom: session?.commands.find((line) => line.startsWith('MAIL')),
    commands: session?.commands ?? [],
  };
}

describe('the bytes', () => {
  const bodies: { name: string; message: Buffer; gives?: Buffer }[] = [
    { name: 'an ordinary message', message: messageBytes() },
    { name: 'dots at the beginning of lines', message: messageBytes({}, '.\n..\n...x\n.hidden\n') },
    { name: 'a dot as the first byte', message: Buffer.from('.\r\n') },
    { name: 'no line end at the end', message: Buffer.from('Subject: x\r\n\r\nhello'), gives: Buffer.from('Subject: x\r\n\r\nhello\r\n') },
    { name: 'nothing', message: Buffer.alloc(0) },
    { name: 'a line of 5,000 bytes', message: messageBytes({}, `${'x'.repeat(5_000)}\n`) },
    { name: 'more than one piece', message: messageBytes({}, '.line with a dot\n'.repeat(20_000)) },
  ];
  test.each(bodies)('$name', async ({ message, gives }) => {
    const { outcome, data } = await sent(message, { offers: [] });
    expect(outcome).toEqual(['handed-over 1']);
    expect(data?.toString('latin1')).toBe((gives ?? message).toString('latin1'));
  });

  test('a body that is missing is for a person to look at; one that cannot be read now comes again', async () => {
    await using server = await scriptedServer();
    using connector = connectorTo([server.port], { store: storeOf({}) });
    expect(summary(await connector.handle(routedTo([ada])))).toEqual(['poison: message body: no such body']);
    const store = storeOf({});
    store.head = () => Promise.reject(new ContentStoreError('unavailable', 'reading a body: EIO'));
    using other = connectorTo([server.port], { store });
    expect(summary(await other.handle(routedTo([ada])))).toEqual(['transient (internal): message body: reading a body: EIO']);
    expect(server.mails).toEqual([]);
  });

  test.each([
    { name: 'small', sizeBytes: 5_000 },
    { name: 'large', sizeBytes: 200_000 },
  ])('a $name body that is shorter than its envelope says is never sent as if it were whole', async ({ sizeBytes }) => {
    const { outcome, data } = await sent(messageBytes(), { content: { sizeBytes }, offers: ['8BITMIME'] });
    expect(outcome).toEqual(['transient (internal): message body: the stored body has not the size its envelope says']);
    expect(data).toBeUndefined();
  });

  test('a large body that breaks off in the middle is not ended with a dot', async () => {
    async function* broken() {
      for (let at = 0; at < 10; at++) {
        yield Buffer.alloc(16_384, 'x');
        await turn();
      }
      throw new ContentStoreError('unavailable', 'reading a body: EIO');
    }
    await using server = await scriptedServer();
    using connector = connectorTo([server.port], { store: storeOf({ body: broken }) });
    const mail = routedTo([ada]);
    const outcome = await connector.handle({ ...mail, content: { ...mail.content, sizeBytes: 1_000_000 } });
    expect(summary(outcome)).toEqual(['transient (internal): message body: reading a body: EIO']);
    expect(server.mails).toEqual([]);
    expect(await connector.ledger.destinations.get('internet/remote.example')).toMatchObject({ failures: 0 });
  });

  test('50 MB pass through without being held: reading waits for the peer', async () => {
    const piece = Buffer.from(`${'x'.repeat(65_534)}\r\n`);
    const pieces = 800;
    let read = 0;
    let taken = 0;
    let ahead = 0;
    function* body() {
      for (let at = 0; at < pieces; at++) {
        read += piece.length;
        ahead = Math.max(ahead, read - taken);
        yield piece;
      }
    }
    let stopped = false;
    await using server = await scriptedServer({
      keep: false,
      onData(bytes, socket) {
        taken += bytes;
        if (stopped || taken < 5_000_000) return;
        // The peer stops reading until its reader has stood still for a hundred turns.
        stopped = true;
        socket.pause();
        void (async () => {
          for (let still = 0, last = read; still < 100; still = last === read ? still + 1 : 0) {
            last = read;
            await turn();
          }
          socket.resume();
        })();
      },
    });
    using connector = connectorTo([server.port], {
      store: storeOf({ body }),
    });
    const mail = routedTo([ada]);
    const outcome = await connector.handle({ ...mail, content: { ...mail.content, relayOffset: 0, sizeBytes: pieces * piece.length } });
    expect(summary(outcome)).toEqual(['handed-over 1']);
    expect(server.mails[0]?.bytes).toBe(pieces * piece.length);
    expect(stopped).toBe(true);
    expect(ahead).toBeLessThan(20_000_000); // kernel buffers of both ends and one piece, far from 52 MB
  });
});

describe('a peer that answers before the end of a large message', () => {
  const large = messageBytes({}, `${'x'.repeat(70)}\n`.repeat(100_000));
  test.each([
    { said: '552 5.3.4 too big', gives: ['failed ada@remote.example 5.3.4: mx.remote.example said 552 5.3.4 too big'] },
    { said: '451 4.3.0 disk full', gives: ['transient (transport): 451 4.3.0 disk full'] },
    { said: 'cut', gives: [expect.stringMatching(/^transient \(transport\): /)] },
    { said: '250 2.0.0 thanks', gives: [expect.stringMatching(/^transient \(transport\): /)] }, // it cannot have the whole message
  ])('$said', async ({ said, gives }) => {
    await using server = await scriptedServer({ say: (phase, _, __, nth) => (phase === 'BODY' && nth === 3 ? said : undefined) });
    const bytes = stored(large);
    using connector = connectorTo([server.port], {
      store: storeOf({ body: bytes }),
    });
    expect(summary(await connector.handle(routedTo([ada], { bytes })))).toEqual(gives);
    expect(await connector.duplicates()).toEqual({});
  });
});

describe('what the peer must be able to do', () => {
  const umlauts = messageBytes(
    { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Transfer-Encoding': '8bit' },
    'Grüße aus Köln = schön\n',
  );
  const utf8Header = messageBytes({ Subject: 'Grüße' }, 'hello\n');

  test('8BITMIME where it is offered', async () => {
    const { outcome, mailFrom, data } = await sent(umlauts, { content: { body: '8bit' } });
    expect(outcome).toEqual(['handed-over 1']);
    expect(mailFrom).toMatch(/ BODY=8BITMIME$/);
    expect(data?.equals(umlauts)).toBe(true);
  });

  test('8-bit text to a peer without it becomes quoted-printable', async () => {
    const { outcome, mailFrom, data } = await sent(umlauts, { content: { body: '8bit' }, offers: ['PIPELINING', 'SIZE'] });
    expect(outcome).toEqual(['handed-over 1']);
    expect(mailFrom).toBe('MAIL FROM:<zoe@elsewhere.example>');
    const text = data?.toString('latin1') ?? '';
    expect(text).toContain(
      'Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\nGr=C3=BC=C3=9Fe aus K=C3=B6ln =3D sch=C3=B6n\r\n',
    );
    expect(text).not.toContain('8bit');
  });

  test.each([
    { name: 'text', header: {}, mailFrom: /^MAIL FROM:<[^>]*>(?!.*8BITMIME)/, data: /=C3=A4/ },
    {
      name: 'signed text goes as it came: it is only a wish',
      header: { 'DKIM-Signature': 'v=1' },
      mailFrom: /BODY=8BITMIME/,
      data: /\xc3\xa4/,
    },
  ])('a domain that wants 7 bits, behind a peer that takes 8: $name', async ({ header, mailFrom, data }) => {
    const message = messageBytes({ ...header, 'Content-Type': 'text/plain; charset=utf-8' }, 'hällo\n');
    const got = await sent(message, { content: { body: '8bit' }, mail: { contentForm: { transfer: '7bit' } } });
    expect(got.outcome).toEqual(['handed-over 1']);
    expect(got.mailFrom).toMatch(mailFrom);
    expect(got.data?.toString('latin1')).toMatch(data);
  });

  test('signed 8-bit text to a peer without it: 5.6.3', async () => {
    const signed = Buffer.concat([Buffer.from('DKIM-Signature: v=1; a=rsa-sha256;\r\n b=abc\r\n'), umlauts]);
    const { outcome, commands } = await sent(signed, { content: { body: '8bit' }, offers: [] });
    expect(outcome).toEqual([
      'failed ada@remote.example 5.6.3: the next system takes no 8-bit text, and the message cannot be converted: it would break the dkim-signature',
    ]);
    expect(commands.some((line) => line.startsWith('MAIL'))).toBe(false);
  });

  test.each([
    {
      name: 'a header in UTF-8',
      message: utf8Header,
      content: { smtputf8: true, body: '8bit' },
      gives: ['failed ada@remote.example 5.6.7: the message needs SMTPUTF8, which the next system does not offer'],
    },
    {
      name: 'a sender in UTF-8',
      mail: { sender: 'SMTP:zoë@elsewhere.example' },
      gives: ['failed ada@remote.example 5.6.7: the sender address needs SMTPUTF8, which the next system does not offer'],
    },
    {
      name: 'binary, and a signature forbids to convert it',
      message: Buffer.concat([Buffer.from('DKIM-Signature: v=1; a=rsa-sha256;\r\n b=abc\r\n'), messageBytes()]),
      content: { body: 'binary' },
      gives: [
        'failed ada@remote.example 5.6.1: the next system takes no binary message (BINARYMIME), and this one cannot be converted: it would break the dkim-signature',
      ],
    },
    {
      name: 'more bytes than SIZE allows',
      offers: ['SIZE 100'],
      gives: ['failed ada@remote.example 5.3.4: the message has 199 bytes, the next system takes 100'],
    },
  ])(
    '$name and a peer that cannot: refused before MAIL',
    async ({ message = messageBytes(), content = {}, mail = {}, offers = ['8BITMIME'], gives }) => {
      const result = await sent(message, { content, mail, offers });
      expect(result.outcome).toEqual(gives);
      expect(result.commands.some((line) => line.startsWith('MAIL'))).toBe(false);
    },
  );

  test('only the recipient whose address needs SMTPUTF8 fails; a domain in UTF-8 is said by its A-labels', async () => {
    await using server = await scriptedServer({ offers: ['8BITMIME'] });
    using connector = connectorTo([server.port]);
    const outcome = await connector.handle(routedTo([ada, 'jörg@remote.example', 'ben@bücher.example']));
    expect(summary(outcome)).toEqual([
      'handed-over 2',
      'failed jörg@remote.example 5.6.7: the recipient address needs SMTPUTF8, which the next system does not offer',
    ]);
    expect(server.mails[0]?.to).toEqual(['<ada@remote.example>', '<ben@xn--bcher-kva.example>']);
  });

  test('SMTPUTF8 where it is offered', async () => {
    const { outcome, mailFrom } = await sent(utf8Header, { content: { smtputf8: true, body: '8bit' } });
    expect(outcome).toEqual(['handed-over 1']);
    expect(mailFrom).toMatch(/ SMTPUTF8$/);
  });

  test('SIZE 0 is no limit', async () => {
    const { outcome } = await sent(messageBytes(), { offers: ['SIZE 0'] });
    expect(outcome).toEqual(['handed-over 1']);
  });
});

describe('reports', () => {
  const wishes = { envid: 'an+id', ret: 'hdrs' as const, notify: ['success' as const, 'failure' as const] };
  test('wishes are passed on, and the peer promises to keep them', async () => {
    const { outcome, commands } = await sent(messageBytes(), { mail: wishes });
    expect(outcome).toEqual(['handed-over 1']);
    expect(commands).toContain(`MAIL FROM:<zoe@elsewhere.example> SIZE=${199} RET=HDRS ENVID=an+2Bid`);
    expect(commands).toContain('RCPT TO:<ada@remote.example> NOTIFY=SUCCESS,FAILURE');
  });
  test('a peer without DSN: the sender who asked is told that his mail left', async () => {
    const { outcome, commands } = await sent(messageBytes(), { mail: wishes, offers: [] });
    expect(outcome).toEqual(['handed-over 1', 'relayed ada@remote.example 2.0.0: mx.remote.example said 250 2.0.0 queued as 1']);
    expect(commands).toContain('MAIL FROM:<zoe@elsewhere.example>');
  });
  test('nobody asked: nobody is told', async () => {
    const { outcome } = await sent(messageBytes(), { offers: [] });
    expect(outcome).toEqual(['handed-over 1']);
  });
  test('the null sender stays null', async () => {
    const { mailFrom } = await sent(messageBytes(), { mail: { sender: null }, offers: [] });
    expect(mailFrom).toBe('MAIL FROM:<>');
  });
});

test('what is relayed begins after our own first line', async () => {
  const { data } = await sent(messageBytes());
  expect(data?.includes(returnPath)).toBe(false);
});
