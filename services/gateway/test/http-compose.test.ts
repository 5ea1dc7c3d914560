import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { organization, refusal } from './fake-acceptor.ts';
import { httpApp } from './http-support.ts';

const url = '/v1/messages:compose';
const json = { 'content-type': 'application/json' };
const small = { from: 'ada@corp.example', to: 'ben@corp.example', subject: 'hello', text: 'hello\n' };

async function send(body: object, more: Parameters<typeof httpApp>[0] = {}) {
  const { app, acceptor, post } = httpApp(more);
  const response = await post(url, json, JSON.stringify(body));
  await app.close();
  return { response, acceptor, request: acceptor.taken[0]?.request, text: acceptor.taken[0]?.bytes.toString() ?? '' };
}

const wrongPlaces = ({ errors }: { errors: { pointer: string }[] }) => errors.map(({ pointer }) => pointer).sort();

describe('what becomes of JSON', () => {
  test('a text: envelope, header and body', async () => {
    const { response, request, text } = await send(small);
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual({ id: request?.rootId, recipients: 1 });
    expect(request).toMatchObject({
      sender: 'SMTP:ada@corp.example',
      recipients: [{ address: 'SMTP:ben@corp.example' }],
      origin: { trust: 'inside' },
    });
    expect(text).toMatch(/^From: ada@corp\.example\r\n/);
    expect(text).toContain('\r\nSubject: hello\r\n');
    expect(text).toContain(`\r\nMessage-ID: <${request?.rootId ?? ''}@gw.corp.example>\r\n`);
    expect(text).toMatch(/\r\n\r\nhello\r\n/);
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });

  test('everything at once, read again by another library', async () => {
    const { request, text } = await send({
      from: { address: 'ada@corp.example', name: 'Ada "the first", Countess' },
      sender: 'office@corp.example',
      replyTo: ['Ada <ada+answers@corp.example>'],
      to: ['Ben <ben@corp.example>', { address: 'chloe@corp.example', name: 'Chloé Ζήτα' }],
      cc: 'dmitri@corp.example',
      bcc: ['secret@corp.example'],
      subject: 'Grüße aus Köln, 東京 und '.repeat(6),
      text: 'plain\n.\nwith a dot',
      html: '<p>rich <img src="cid:logo@x"></p>',
      attachments: [
        { name: 'Übersicht 2026.pdf', type: 'application/pdf', content: Buffer.from('%PDF').toString('base64') },
        { name: 'logo.png', content: Buffer.from([1, 2, 3]).toString('base64'), cid: 'logo@x' },
        { name: 'empty.bin', content: '' },
      ],
      inReplyTo: '<1@corp.example>',
      references: ['<0@corp.example>', '<1@corp.example>'],
      headers: { 'X-Order': '4711', 'List-Unsubscribe': '<mailto:off@corp.example>', Importance: 'high' },
      notify: 'success',
      ret: 'hdrs',
      envid: 'o-4711',
    });
    expect(request).toMatchObject({ sender: 'SMTP:office@corp.example', ret: 'hdrs', envid: 'o-4711' });
    expect(request?.recipients).toEqual(
      ['ben', 'chloe', 'dmitri', 'secret'].map((local) => ({ address: `SMTP:${local}@corp.example`, notify: ['success'] })),
    );
    // Its identity is random and may spell `bcc`; it stands in the boundaries without hyphens.
    const id = request?.rootId ?? '';
    expect(text.replaceAll(id, '').replaceAll(id.replaceAll('-', ''), '')).not.toMatch(/secret|bcc/i);
    const read = await simpleParser(text);
    expect(read.from?.value).toEqual([{ address: 'ada@corp.example', name: 'Ada "the first", Countess' }]);
    expect(read.replyTo?.value[0]?.address).toBe('ada+answers@corp.example');
    expect([read.to].flat().flatMap((one) => one?.value ?? [])).toEqual([
      { address: 'ben@corp.example', name: 'Ben' },
      { address: 'chloe@corp.example', name: 'Chloé Ζήτα' },
    ]);
    expect(read.subject).toBe('Grüße aus Köln, 東京 und '.repeat(6).trim());
    expect(read.text?.trim()).toBe('plain\n.\nwith a dot');
    expect(read.html).toContain('rich');
    expect(
      read.attachments.map(({ filename, contentType, contentDisposition, cid }) => ({ filename, contentType, contentDisposition, cid })),
    ).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ filename: 'Übersicht 2026.pdf', contentType: 'application/pdf', contentDisposition: 'attachment' }),
        expect.objectContaining({ filename: 'logo.png', contentType: 'image/png', contentDisposition: 'inline', cid: 'logo@x' }),
        expect.objectContaining({ filename: 'empty.bin' }),
      ]),
    );
    expect(read.inReplyTo).toBe('<1@corp.example>');
    expect(read.references).toEqual(['<0@corp.example>', '<1@corp.example>']);
    expect(read.headers.get('x-order')).toBe('4711');
    expect(Math.max(...text.split('\r\n').map((one) => one.length))).toBeLessThanOrEqual(998);
  });

  test('addresses beyond ASCII: the domain as it travels in the envelope, as it is read in the header', async () => {
    const { request, text } = await send({ ...small, to: 'Bücher <bücher@bücher.example>' });
    expect(request).toMatchObject({ smtputf8: true, recipients: [{ address: 'SMTP:bücher@xn--bcher-kva.example' }] });
    expect(text).toContain('<bücher@bücher.example>');
  });

  test('the same person twice is one recipient', async () => {
    const { request } = await send({ ...small, cc: 'ben@CORP.example', bcc: 'Ben <ben@corp.example>' });
    expect(request?.recipients).toHaveLength(1);
  });

  test('a file of some megabytes, and a long text', async () => {
    const { text } = await send({
      ...small,
      text: 'é line\n'.repeat(200_000),
      attachments: [{ name: 'a.bin', content: Buffer.alloc(3_000_000, 7).toString('base64') }],
    });
    const read = await simpleParser(text);
    expect(read.attachments[0]?.size).toBe(3_000_000);
    expect(read.text?.split('\n').length).toBeGreaterThan(199_999);
  });
});

describe('what is refused', () => {
  const rows: { name: string; body: object; pointers: string[] }[] = [
    {
      name: 'every wrong field at once',
      body: {
        from: 'ada',
        to: ['ben@corp.example', 'nobody', { address: 'x@y.example', nickname: 'x' }],
        subject: 7,
        attachments: [
          { name: '../etc/passwd', content: '!!' },
          { name: 'a', type: 'text/html; charset=x', content: 'YQ' },
        ],
        colour: 'red',
      },
      pointers: [
        '/attachments/0/content',
        '/attachments/0/name',
        '/attachments/1/type',
        '/colour',
        '/from',
        '/subject',
        '/to/1',
        '/to/2/nickname',
      ],
    },
    { name: 'a line end in the subject', body: { ...small, subject: 'a\r\nBcc: x@y.example' }, pointers: ['/subject'] },
    {
      name: 'a line end in a name',
      body: { ...small, from: { address: 'ada@corp.example', name: 'a\r\nX: y' } },
      pointers: ['/from/name'],
    },
    { name: 'a line end in an address', body: { ...small, to: 'ben\r\n@corp.example' }, pointers: ['/to'] },
    { name: 'two addresses where one belongs', body: { ...small, from: 'ada@corp.example, ben@corp.example' }, pointers: ['/from'] },
    { name: 'an address without a domain', body: { ...small, to: 'postmaster' }, pointers: ['/to'] },
    {
      name: 'fields that are not for a program to set',
      body: {
        ...small,
        headers: {
          Bcc: 'x@y.example',
          'Content-Type': 'text/html',
          'X-Mailrail-Id': '1',
          'a b': 'c',
          'X-A': '1',
          'x-a': '2',
          Received: 'x',
        },
      },
      pointers: ['/headers/Bcc', '/headers/Content-Type', '/headers/Received', '/headers/X-Mailrail-Id', '/headers/a b', '/headers/x-a'],
    },
    { name: 'a line end in a field', body: { ...small, headers: { 'X-A': 'b\nc' } }, pointers: ['/headers/X-A'] },
    {
      name: 'a thread that is none',
      body: { ...small, inReplyTo: '<a b>', references: ['<x>\r\nBcc: y'] },
      pointers: ['/inReplyTo', '/references/0'],
    },
    { name: 'nobody to send it to', body: { from: 'ada@corp.example' }, pointers: ['/to'] },
    { name: 'nobody who sends it', body: { to: 'ben@corp.example' }, pointers: ['/from'] },
    {
      name: 'a message inside the message',
      body: { ...small, attachments: [{ name: 'a.eml', type: 'message/rfc822', content: '' }] },
      pointers: ['/attachments/0/type'],
    },
    {
      name: 'base64 of the other alphabet',
      body: { ...small, attachments: [{ name: 'a', content: '_-8=' }] },
      pointers: ['/attachments/0/content'],
    },
  ];
  test.each(rows)('$name', async ({ body, pointers }) => {
    const { response, acceptor } = await send(body);
    expect(response.statusCode).toBe(422);
    expect(wrongPlaces(response.json())).toEqual(pointers);
    expect(acceptor.begun).toBe(0);
  });

  test.each([
    ['no JSON', '{'],
    ['no UTF-8', Buffer.from('{"from":"\xff"}', 'latin1')],
    ['nothing', ''],
  ])('%s: 400', async (_name, body) => {
    const { app, post } = httpApp();
    const response = await post(url, { ...json, 'content-length': String(Buffer.byteLength(body)) }, body);
    await app.close();
    expect(response.json()).toMatchObject({ status: 400, code: 'json' });
  });

  const around = (more: string) => `{"from":"ada@corp.example","to":"ben@corp.example","text":"x",${more}}`;
  test.each([
    ['beside the fields', around('"__proto__":{"text":"y"}'), ['/__proto__']],
    ['among header fields', around('"headers":{"X-A":"1","__proto__":"y"}'), ['/headers/__proto__']],
    ['its letters escaped', around('"headers":{"\\u005f_proto__":"y"}'), ['/headers/__proto__']],
    ['another one', around('"headers":{"constructor":"y","prototype":"z"}'), ['/headers/constructor', '/headers/prototype']],
    ['in an address', around('"cc":{"address":"c@corp.example","__proto__":{"name":"y"}}'), ['/cc/__proto__']],
    [
      'in one of several files',
      around('"attachments":[{"name":"a","content":""},{"name":"b","content":"","__proto__":1}]'),
      ['/attachments/1/__proto__'],
    ],
    [
      'below itself',
      around('"__proto__":{"constructor":{"prototype":1}}'),
      ['/__proto__', '/__proto__/constructor', '/__proto__/constructor/prototype'],
    ],
    ['below what is wrong itself', around('"a/b":[{"__proto__":1}]'), ['/a~1b', '/a~1b/0/__proto__']],
    ['beside what is wrong', around('"subject":7,"headers":{"__proto__":"y"}'), ['/headers/__proto__', '/subject']],
  ])('a key that is an object’s own machinery, %s: its place is told', async (_name, body, pointers) => {
    const { app, acceptor, post } = httpApp();
    const response = await post(url, json, body);
    await app.close();
    expect(response.json()).toMatchObject({ status: 422, code: 'message' });
    expect(wrongPlaces(response.json())).toEqual(pointers);
    expect(acceptor.begun).toBe(0);
  });
  test('the same words as values are words', async () => {
    const { response, text } = await send({ ...small, subject: '__proto__', headers: { 'X-Kind': 'constructor' } });
    expect(response.statusCode).toBe(202);
    expect(text).toContain('\r\nSubject: __proto__\r\n');
  });

  test('nesting without end is no trouble', async () => {
    const { app, post } = httpApp();
    const response = await post(url, json, `{"to":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
    await app.close();
    expect(response.statusCode).toBe(422);
  });

  test('too many recipients, a message too large', async () => {
    const many = await send({ ...small, cc: ['c@corp.example'] }, { organization: organization({ recipientsPerMessage: 1 }) });
    expect(many.response.json()).toMatchObject({ status: 422, code: 'too-many-recipients' });
    const large = await send(small, {
      organization: organization(),
      acceptor: Object.assign(httpApp().acceptor, { answers: { finish: refusal('too-large') } }),
    });
    expect(large.response.json()).toMatchObject({ status: 413 });
  });

  test.each([
    ['recipients', '"to":[', '1,', '1]'],
    ['lists', '"to":[', '[],', '[]]'],
    ['fields', '"to":"ben@corp.example","headers":{', '"X-A":"1",', '"X-A":"1"}'],
    ['fields that do not exist', '"to":"ben@corp.example",', '"y\\"":{},', '"z":1'],
  ])('a hundred thousand %s cost nothing: refused before they are built', async (_, begin, one, end) => {
    const { app, acceptor, post } = httpApp();
    const response = await post(url, json, `{"from":"ada@corp.example",${begin}${one.repeat(100_000)}${end}}`);
    await app.close();
    expect(response.json()).toMatchObject({ status: 422, code: 'message', detail: 'the message has more than 20000 values' });
    expect(acceptor.taken).toHaveLength(0);
  });

  test('commas, quotes and brackets of a text are no values', async () => {
    const text = '",[{:\\"\\\n'.repeat(30_000);
    const { response, text: sent } = await send({ ...small, text });
    expect(response.statusCode).toBe(202);
    expect((await simpleParser(sent)).text).toContain('",[{:\\"\\\n",[{:');
  });

  test('others have the memory: 503, and the place is free again afterwards', async () => {
    const { app, acceptor, post } = httpApp({ wholeBodiesBytes: 3_000 });
    let release = (): void => {};
    acceptor.gate = new Promise((resolve) => {
      release = resolve;
    });
    const begun = Promise.withResolvers<void>();
    acceptor.onWrite = () => {
      begun.resolve();
      return undefined;
    };
    const body = JSON.stringify({ ...small, text: 'x'.repeat(2_000) });
    const first = post(url, json, body);
    await begun.promise;
    const second = await post(url, json, body);
    release();
    expect((await first).statusCode).toBe(202);
    const third = await post(url, json, body);
    await app.close();
    expect(second.json()).toMatchObject({ status: 503, code: 'busy' });
    expect(second.headers['retry-after']).toBe('2');
    expect(third.statusCode).toBe(202);
  });
});

test('a key makes it one message', async () => {
  const { app, acceptor, post } = httpApp();
  const headers = { ...json, 'Idempotency-Key': 'k' };
  const first = await post(url, headers, JSON.stringify(small));
  const again = await post(url, headers, JSON.stringify(small));
  const other = await post(url, headers, JSON.stringify({ ...small, subject: 'x' }));
  await app.close();
  expect(again.json()).toEqual(first.json());
  expect(other.json()).toMatchObject({ status: 422, code: 'idempotency-key-reused' });
  expect(acceptor.taken).toHaveLength(1);
});
