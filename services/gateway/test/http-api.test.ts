import { describe, expect, test } from '@jest/globals';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import type { Refused } from '../src/accept.ts';
import { type HttpApiOptions, httpApi } from '../src/http-api.ts';
import { requireRelay } from '../src/http/message-envelope.ts';
import { HttpProblem } from '../src/http/problem.ts';
import { type FakeAcceptor, fakeAcceptor, organization, refusal } from './fake-acceptor.ts';
import { httpStores } from './http-support.ts';

const apiKey = 'a-key-of-some-length';
const message =
  'From: Ada <ada@corp.example>\r\nTo: ben@corp.example\r\nDate: Mon, 5 Oct 2026 08:00:00 +0200\r\nMessage-ID: <1@corp.example>\r\n\r\nhello\r\n';
const metrics = createMetrics('gateway');
const refusedSoFar = async (code: string) =>
  (await metrics.refused.get()).values.find(({ labels }) => labels.gateway === 'http' && labels.code === code)?.value ?? 0;

function open(
  acceptor: FakeAcceptor = fakeAcceptor(),
  more: { limits?: Parameters<typeof organization>[0]; tell?: HttpApiOptions['tell'] } = {},
) {
  const options = {
    gateway: 'http',
    host: '127.0.0.1',
    port: 0,
    apiKey,
    ...httpStores(),
    acceptor,
    organization: organization(more.limits),
    log: silentLog,
  };
  return httpApi({ ...options, metrics, ...(more.tell === undefined ? {} : { tell: more.tell }) });
}

interface Row {
  name: string;
  url?: string;
  method?: 'POST' | 'GET' | 'PUT';
  headers?: Record<string, string | undefined>;
  body?: string | Buffer;
  gives: number;
  code?: string;
  pointers?: string[];
  has?: Record<string, string>;
  answers?: FakeAcceptor['answers'];
  limits?: Parameters<typeof organization>[0];
}

const from = 'from=ada@corp.example';
const to = 'to=ben@corp.example';
const down: Refused = refusal('down');
const rows: Row[] = [
  { name: 'a message with its envelope in the header', gives: 202 },
  { name: 'a message with its envelope in the query', url: `/v1/messages?${from}&${to}`, gives: 202 },
  {
    name: 'no key',
    headers: { authorization: undefined },
    gives: 401,
    code: 'unauthorized',
    has: { 'www-authenticate': 'Bearer realm="mailrail"' },
  },
  {
    name: 'another scheme',
    headers: { authorization: 'Basic YTpi' },
    gives: 401,
    code: 'unauthorized',
    has: { 'www-authenticate': 'Bearer realm="mailrail", error="invalid_request"' },
  },
  {
    name: 'a wrong key',
    headers: { authorization: 'Bearer another-key-of-length' },
    gives: 401,
    code: 'unauthorized',
    has: { 'www-authenticate': 'Bearer realm="mailrail", error="invalid_token"' },
  },
  { name: 'a key that only begins right', headers: { authorization: `Bearer ${apiKey.slice(0, -1)}` }, gives: 401 },
  { name: 'the scheme in another letter case', headers: { authorization: `bearer ${apiKey}` }, gives: 202 },
  { name: 'nowhere', url: '/v2/messages', gives: 404, code: 'not-found' },
  { name: 'nowhere, without a key', url: '/', headers: { authorization: undefined }, gives: 404, code: 'not-found' },
  { name: 'another method', method: 'PUT', gives: 405, code: 'method-not-allowed', has: { allow: 'POST' } },
  { name: 'another method on the description', url: '/openapi.json', gives: 405, has: { allow: 'GET, HEAD' } },
  { name: 'another method on the description under its version', url: '/v1/openapi.json', gives: 405, has: { allow: 'GET, HEAD' } },
  { name: 'a path that cannot be decoded', url: '/v1/%zz', gives: 400, code: 'bad-request' },
  {
    name: 'a parameter nobody knows',
    url: `/v1/messages?${from}&${to}&subject=x`,
    gives: 400,
    code: 'bad-parameters',
    pointers: ['/query/subject'],
  },
  { name: 'two senders', url: `/v1/messages?${from}&${from}`, gives: 400, code: 'bad-parameters', pointers: ['/query/from'] },
  {
    name: 'an endless parameter',
    url: `/v1/messages?from=${'a'.repeat(700)}`,
    gives: 400,
    code: 'bad-parameters',
    pointers: ['/query/from'],
  },
  { name: 'no body', headers: { 'content-type': undefined }, body: '', gives: 411, code: 'length-required' },
  { name: 'an empty body', body: '', headers: { 'content-length': '0' }, gives: 400, code: 'empty' },
  {
    name: 'another type',
    headers: { 'content-type': 'application/json' },
    gives: 415,
    code: 'unsupported-type',
    has: { 'accept-post': 'message/rfc822' },
  },
  { name: 'no type', headers: { 'content-type': undefined }, gives: 415, code: 'unsupported-type' },
  { name: 'the type with a parameter', headers: { 'content-type': 'Message/RFC822; charset=utf-8' }, gives: 202 },
  { name: 'a compressed body', headers: { 'content-encoding': 'gzip' }, gives: 415, code: 'unsupported-encoding' },
  { name: 'over the size by its own account', limits: { messageBytes: '100B' }, gives: 413, code: 'too-large' },
  { name: 'a header block over its limit', limits: { headerBytes: '60B' }, gives: 413, code: 'too-large' },
  {
    name: 'addresses that are none',
    url: `/v1/messages?from=ada&${to}&to=a@b@c`,
    gives: 422,
    code: 'envelope',
    pointers: ['/query/from', '/query/to/1'],
  },
  { name: 'one recipient that is none', url: `/v1/messages?${from}&to=nobody`, gives: 422, code: 'envelope', pointers: ['/query/to'] },
  {
    name: 'line ends in an address',
    url: `/v1/messages?${from}&to=a%0D%0A@corp.example`,
    gives: 422,
    code: 'envelope',
    pointers: ['/query/to'],
  },
  {
    name: 'too many recipients in the query',
    url: `/v1/messages?${from}&${to}&to=c@corp.example`,
    limits: { recipientsPerMessage: 1 },
    gives: 422,
    code: 'too-many-recipients',
    pointers: ['/query/to'],
  },
  {
    name: 'too many recipients in the header',
    body: message.replace('ben@corp.example', 'b@corp.example, c@corp.example'),
    limits: { recipientsPerMessage: 1 },
    gives: 422,
    code: 'too-many-recipients',
    pointers: ['/header/To'],
  },
  { name: 'nobody to send it to', body: 'From: ada@corp.example\r\n\r\nx\r\n', gives: 422, code: 'envelope', pointers: ['/query/to'] },
  { name: 'nobody to answer to', body: 'To: ada@corp.example\r\n\r\nx\r\n', gives: 422, code: 'envelope', pointers: ['/header/From'] },
  {
    name: 'a bad address among good ones',
    body: message.replace('ben@corp.example', 'ben@corp.example, nobody'),
    gives: 422,
    code: 'envelope',
    pointers: ['/header/To'],
  },
  { name: 'no header where one is needed', body: 'hello there\n', gives: 422, code: 'unrecognised', pointers: ['/header'] },
  {
    name: 'a header line that is no field',
    body: 'From: ada@corp.example\r\noops\r\n\r\nx\r\n',
    gives: 422,
    code: 'syntax',
    pointers: ['/header'],
  },
  { name: 'a NUL', body: `${message}\0\r\n`, gives: 422, code: 'syntax', pointers: ['/body'] },
  { name: 'a lone CR', body: `${message}a\rb\r\n`, gives: 422, code: 'syntax', pointers: ['/body'] },
  { name: 'the line is down', answers: { obstacle: down }, gives: 503, code: 'unavailable', has: { 'retry-after': '10' } },
  { name: 'the queue is full', answers: { obstacle: refusal('full') }, gives: 503, code: 'full', has: { 'retry-after': '30' } },
  { name: 'the line goes down meanwhile', answers: { begin: down }, gives: 503, code: 'unavailable' },
  { name: 'too many in hand', answers: { begin: refusal('in-hand') }, gives: 429, code: 'too-many-requests', has: { 'retry-after': '1' } },
  { name: 'the store fails', answers: { finish: refusal('storage') }, gives: 503, code: 'storage', has: { 'retry-after': '10' } },
  { name: 'no confirm', answers: { finish: refusal('unconfirmed') }, gives: 503, code: 'unconfirmed' },
  { name: 'too large when stored', answers: { finish: refusal('too-large') }, gives: 413, code: 'too-large' },
];

describe('answers', () => {
  test.each(rows)('$name: $gives', async (row) => {
    const acceptor = fakeAcceptor();
    acceptor.answers = row.answers ?? {};
    const before = await refusedSoFar(String(row.gives));
    const told: object[] = [];
    const app = open(acceptor, { ...row, tell: (event) => void told.push(event) });
    const headers = Object.entries({ authorization: `Bearer ${apiKey}`, 'content-type': 'message/rfc822', ...row.headers });
    const response = await app.inject({
      method: row.method ?? 'POST',
      url: row.url ?? '/v1/messages',
      headers: Object.fromEntries(headers.filter(([, value]) => value !== undefined)),
      ...(row.body === '' ? {} : { payload: row.body ?? message }),
    });
    await app.close();
    expect(response.statusCode).toBe(row.gives);
    expect(response.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', ...row.has });
    if (row.gives === 202) {
      const [taken] = acceptor.taken;
      expect(response.json()).toEqual({ id: taken?.request.rootId, recipients: 1 });
      expect(acceptor.taken).toHaveLength(1);
      return;
    }
    expect(acceptor.taken).toEqual([]);
    expect(acceptor.aborted).toBe(acceptor.begun - (row.answers?.finish === undefined ? 0 : 1));
    expect(response.headers['content-type']).toBe('application/problem+json');
    const problem = response.json();
    expect(problem).toMatchObject({ type: 'about:blank', status: row.gives, detail: expect.stringMatching(/./) });
    if (row.code !== undefined) expect(problem.code).toBe(row.code);
    if (row.pointers !== undefined) expect(problem.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(row.pointers);
    expect(JSON.stringify(problem)).not.toMatch(/\bat .*\.ts|node_modules|Error:/);
    expect(await refusedSoFar(String(row.gives))).toBe(before + 1);
    const isKnown = ![401, 404, 405].includes(row.gives) && row.code !== 'bad-request';
    expect(told).toEqual(
      isKnown ? [{ at: expect.any(Number), event: 'refused', recipients: 0, reason: `${row.gives} ${problem.code}` }] : [],
    );
  });

  test('something unexpected shows nothing of the inside', async () => {
    const acceptor = fakeAcceptor();
    acceptor.onWrite = () => {
      throw new Error('secret path /srv/x.ts');
    };
    const app = open(acceptor);
    const response = await app.inject({
      method: 'POST',
      url: '/v1/messages',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'message/rfc822' },
      payload: message,
    });
    await app.close();
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toContain('secret');
    expect(acceptor.aborted).toBe(1);
  });

  test('a key that could be guessed is a mistake in the configuration', () => {
    const options = {
      gateway: 'http',
      host: '127.0.0.1',
      port: 0,
      apiKey: 'short',
      ...httpStores(),
      acceptor: fakeAcceptor(),
      organization: organization(),
      log: silentLog,
    };
    expect(() => httpApi({ ...options, metrics })).toThrow(RangeError);
  });
});

interface Shape {
  name: string;
  url: string;
  body: string | Buffer;
  sender: string | null;
  recipients: string[];
  stored: string | RegExp;
  removed?: string[];
}
const complete = 'Date: Mon, 5 Oct 2026 08:00:00 +0200\r\nMessage-ID: <1@corp.example>\r\n';
const shapes: Shape[] = [
  {
    name: 'envelope of the query: the bytes as they are, Bcc too',
    url: '?from=ada@corp.example&to=ben@Corp.Example&to=%3Cchloe@corp.example%3E',
    body: `${complete}From: x@y.example\r\nBcc: secret@corp.example\r\n\r\nhello\r\n`,
    sender: 'SMTP:ada@corp.example',
    recipients: ['SMTP:ben@corp.example', 'SMTP:chloe@corp.example'],
    stored: `${complete}From: x@y.example\r\nBcc: secret@corp.example\r\n\r\nhello\r\n`,
  },
  {
    name: 'envelope of the header: To, Cc and Bcc, Bcc leaves',
    url: '',
    body: `${complete}From: Ada <ada@corp.example>\r\nTo: Team: ben@corp.example, "C, D" <chloe@corp.example>;\r\nCc: ben@CORP.example (twice)\r\nBcc: dmitri@corp.example\r\n\r\nhello\r\n`,
    sender: 'SMTP:ada@corp.example',
    recipients: ['SMTP:ben@corp.example', 'SMTP:chloe@corp.example', 'SMTP:dmitri@corp.example'],
    stored: /hello/,
    removed: ['bcc', 'resent-bcc'],
  },
  {
    name: 'sender of the query, recipients of the header',
    url: '?from=',
    body: `${complete}To: ben@corp.example\r\n\r\nhello\r\n`,
    sender: null,
    recipients: ['SMTP:ben@corp.example'],
    stored: /hello/,
    removed: ['bcc', 'resent-bcc'],
  },
  {
    name: 'recipients of the query, sender of the header',
    url: '?to=postmaster',
    body: `${complete}From: a@corp.example, b@corp.example\r\nSender: b@corp.example\r\n\r\nhello\r\n`,
    sender: 'SMTP:b@corp.example',
    recipients: ['SMTP:postmaster@corp.example'],
    stored: /hello/,
  },
  {
    name: 'bare line feeds become CRLF, a last line gets its end',
    url: '?from=%3C%3E&to=ben@corp.example',
    body: `${complete.replaceAll('\r', '')}Subject: x\n\none\ntwo\r\nthree`,
    sender: null,
    recipients: ['SMTP:ben@corp.example'],
    stored: `${complete}Subject: x\r\n\r\none\r\ntwo\r\nthree\r\n`,
  },
  {
    name: 'a missing Date and Message-ID are added on top',
    url: '?from=ada@corp.example&to=ben@corp.example',
    body: 'Subject: x\n\none\n',
    sender: 'SMTP:ada@corp.example',
    recipients: ['SMTP:ben@corp.example'],
    stored:
      /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\nMessage-ID: <[0-9a-f-]{36}@gw\.corp\.example>\r\nSubject: x\r\n\r\none\r\n$/,
  },
  {
    name: 'no header at all, with an envelope: taken as SMTP would',
    url: '?from=ada@corp.example&to=ben@corp.example',
    body: `${complete}\n`,
    sender: 'SMTP:ada@corp.example',
    recipients: ['SMTP:ben@corp.example'],
    stored: `${complete}\r\n`,
  },
  {
    name: 'a header without an end',
    url: '?from=ada@corp.example&to=ben@corp.example',
    body: `${complete}Subject: only this`,
    sender: 'SMTP:ada@corp.example',
    recipients: ['SMTP:ben@corp.example'],
    stored: `${complete}Subject: only this\r\n`,
  },
  {
    name: 'eight bits and long lines pass',
    url: '?from=ada@corp.example&to=b%C3%BCcher@corp.example',
    body: Buffer.concat([
      Buffer.from(`${complete}Subject: \xff\r\n\r\n`, 'latin1'),
      Buffer.from([0xfc, 0x80, 0x1b]),
      Buffer.alloc(5_000, 'x'),
      Buffer.from('\r\n'),
    ]),
    sender: 'SMTP:ada@corp.example',
    recipients: ['SMTP:bücher@corp.example'],
    stored: /x{5000}\r\n$/,
  },
];

describe('what becomes of a message', () => {
  test.each(shapes)('$name', async ({ url, body, sender, recipients, stored, removed = [] }) => {
    const acceptor = fakeAcceptor();
    const app = open(acceptor);
    const response = await app.inject({
      method: 'POST',
      url: `/v1/messages${url}`,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'message/rfc822' },
      payload: body,
    });
    await app.close();
    expect(response.json()).toEqual({ id: expect.any(String), recipients: recipients.length });
    const [taken] = acceptor.taken;
    expect(taken?.request).toMatchObject({
      sender,
      recipients: recipients.map((address) => expect.objectContaining({ address })),
      removeFields: removed,
      origin: { gateway: 'http', dialect: 'http', authenticated: true, trust: 'inside', user: 'api-key' },
      received: { with: 'HTTP' },
      client: 'http:api-key',
    });
    const text = taken?.bytes.toString('latin1') ?? '';
    if (typeof stored === 'string') expect(text).toBe(stored);
    else expect(text).toMatch(stored);
  });
});

test('the description is OpenAPI 3.1, made of the schemas, and needs no key', async () => {
  const app = open();
  const response = await app.inject({ url: '/v1/openapi.json' });
  expect((await app.inject({ url: '/openapi.json' })).json()).toEqual(response.json());
  await app.close();
  expect(response.statusCode).toBe(200);
  const document = response.json();
  expect(document.openapi).toMatch(/^3\.1\./);
  const post = document.paths['/v1/messages'].post;
  expect(Object.keys(post.responses)).toEqual(['202', '400', '401', '403', '409', '411', '413', '415', '422', '429', '503']);
  expect(post.parameters.map(({ name }: { name: string }) => name)).toEqual(
    [
      'from to notify ret envid smtputf8'.split(' '),
      'Mailrail-From Mailrail-To Mailrail-Notify Mailrail-Ret Mailrail-Envid Mailrail-Smtputf8 Idempotency-Key'.split(' '),
    ].flat(),
  );
  expect(post.requestBody.content).toHaveProperty(['message/rfc822']);
  expect(post.security).toEqual([{ apiKey: [] }]);
  expect(document.components.schemas.MessageAccepted.required).toEqual(['id', 'recipients']);
  const references = JSON.stringify(document).match(/#\/components\/schemas\/\w+/g) ?? [];
  for (const reference of new Set(references)) expect(document.components.schemas).toHaveProperty(reference.split('/').at(-1) ?? '');
});

test('who is not inside hears 403 for each recipient that is not ours', () => {
  const snapshot = organization().current();
  const recipients = ['ben@corp.example', 'x@elsewhere.example', 'r@relay.example', 'y@elsewhere.example'].map((one) => ({
    address: `SMTP:${one}`,
  }));
  const known = (name: string) => snapshot.domain(name);
  expect(() => requireRelay(recipients, 'api-key', known)).not.toThrow();
  expect(() => requireRelay(recipients, 'outside', known)).toThrow(HttpProblem);
  try {
    requireRelay(recipients, 'outside', known);
  } catch (error) {
    expect(error).toMatchObject({
      status: 403,
      code: 'relay-denied',
      errors: [{ pointer: '/envelope/to/1' }, { pointer: '/envelope/to/3' }],
    });
  }
});
