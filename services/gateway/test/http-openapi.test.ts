import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { multipartForm } from '@mailrail/testing';
import { Validator } from '@seriousme/openapi-schema-validator';
import { z } from 'zod';
import { parseAccessFile } from '../src/http/access-file.ts';
import { openApiDocument } from '../src/http/openapi.ts';
import { refusal } from './fake-acceptor.ts';
import { httpApp } from './http-support.ts';

const Document = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ responses: z.record(z.string(), z.object({ content: z.unknown().optional() })) })),
  ),
});
const document = Document.parse(openApiDocument());

test('the description is a valid OpenAPI document', async () => {
  const validator = new Validator();
  expect(await validator.validate({ ...openApiDocument() })).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

test('every reference leads somewhere', () => {
  const text = JSON.stringify(openApiDocument());
  const names = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
  const { schemas } = z
    .object({ components: z.object({ schemas: z.record(z.string(), z.unknown()) }) })
    .parse(openApiDocument()).components;
  expect([...names].filter((name) => name === undefined || !(name in schemas))).toEqual([]);
});

const key = 'key-0123456789abcdef';
const hash = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683'; // of "key"
const access = parseAccessFile(`
keys: [{ name: nothing, sha256: ${hash}, scopes: ["webhook:other"] }]
webhooks: [{ name: mg, kind: mailgun, signingKey: ${key} }, { name: pm, kind: postmark }, { name: sg, kind: sendgrid }]
`);
type App = ReturnType<typeof httpApp>;
type Answer = Awaited<ReturnType<App['request']>>;
const message = 'From: ada@corp.example\r\nTo: ben@corp.example\r\n\r\nhello\r\n';
const json = { 'content-type': 'application/json' };
const small = JSON.stringify({ from: 'ada@corp.example', to: 'ben@corp.example' });

/** A request that is in hand while another with its key comes. */
async function twice(one: App, url: string, headers: Record<string, string>, body: string): Promise<Answer> {
  let release = (): void => {};
  one.acceptor.gate = new Promise((resolve) => {
    release = resolve;
  });
  const begun = Promise.withResolvers<void>();
  one.acceptor.onWrite = () => {
    begun.resolve();
    return undefined;
  };
  const keyed = { ...headers, 'idempotency-key': 'k' };
  const first = one.post(url, keyed, body);
  await begun.promise;
  const second = await one.post(url, keyed, body);
  release();
  await first;
  return second;
}
const refusing = (one: App, answers: App['acceptor']['answers']): App => {
  one.acceptor.answers = answers;
  return one;
};
function mailgunPost(one: App, fields: Record<string, string>, signing = key): Promise<Answer> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', signing).update(`${timestamp}t`).digest('hex');
  const parts = Object.entries({ timestamp, token: 't', signature, ...fields }).map(([name, text]) => ({ name, bytes: Buffer.from(text) }));
  const { contentType, body } = multipartForm(parts);
  return one.post('/v1/webhooks/mg', { 'content-type': contentType, authorization: undefined }, body);
}
const mail = { sender: 'zoe@elsewhere.example', recipient: 'ada@corp.example', 'body-mime': message };
const form = { 'content-type': 'multipart/form-data; boundary=x' };

/** For each operation and status it documents: a request that has it. */
const produced: Record<string, Record<string, (one: App) => Promise<Answer>>> = {
  'post /v1/messages': {
    202: (one) => one.post('/v1/messages', {}, message),
    400: (one) => one.post('/v1/messages?x=y', {}, message),
    401: (one) => one.post('/v1/messages', { authorization: undefined }, message),
    403: (one) => one.post('/v1/messages', { authorization: 'Bearer key' }, message),
    409: (one) => twice(one, '/v1/messages', {}, message),
    411: (one) => one.post('/v1/messages'),
    413: (one) => one.post('/v1/messages', { 'content-length': '900000000' }, message),
    415: (one) => one.post('/v1/messages', json, message),
    422: (one) => one.post('/v1/messages', {}, 'To: ben@corp.example\r\n\r\nx\r\n'),
    429: (one) => refusing(one, { begin: refusal('in-hand') }).post('/v1/messages', {}, message),
    503: (one) => refusing(one, { obstacle: refusal('down') }).post('/v1/messages', {}, message),
  },
  'post /v1/messages:compose': {
    202: (one) => one.post('/v1/messages:compose', json, small),
    400: (one) => one.post('/v1/messages:compose', json, '{'),
    401: (one) => one.post('/v1/messages:compose', { ...json, authorization: undefined }, small),
    403: (one) => one.post('/v1/messages:compose', { ...json, authorization: 'Bearer key' }, small),
    409: (one) => twice(one, '/v1/messages:compose', json, small),
    411: (one) => one.post('/v1/messages:compose'),
    413: (one) => refusing(one, { finish: refusal('too-large') }).post('/v1/messages:compose', json, small),
    415: (one) => one.post('/v1/messages:compose', {}, small),
    422: (one) => one.post('/v1/messages:compose', json, '{}'),
    429: (one) => refusing(one, { begin: refusal('in-hand') }).post('/v1/messages:compose', json, small),
    503: (one) => refusing(one, { finish: refusal('storage') }).post('/v1/messages:compose', json, small),
  },
  'get /v1/messages/{id}': {
    async 200(one) {
      const { id } = (await one.post('/v1/messages', {}, message)).json();
      return one.request('GET', `/v1/messages/${String(id)}`);
    },
    401: (one) => one.request('GET', '/v1/messages/x', { authorization: undefined }),
    403: (one) => one.request('GET', '/v1/messages/x', { authorization: 'Bearer key' }),
    404: (one) => one.request('GET', '/v1/messages/x'),
    async 503(one) {
      const { id } = (await one.post('/v1/messages', {}, message)).json();
      one.ledger.silent = true;
      return one.request('GET', `/v1/messages/${String(id)}`);
    },
  },
  'post /v1/webhooks/{name}': {
    200: (one) => mailgunPost(one, mail),
    401: (one) => one.post('/v1/webhooks/pm', { ...json, authorization: undefined }, '{}'),
    403: (one) => mailgunPost(one, mail, 'another-key-of-some-length'),
    404: (one) => one.post('/v1/webhooks/nobody', json, '{}'),
    406: (one) => mailgunPost(one, { ...mail, recipient: 'x@elsewhere.example' }),
    411: (one) => one.post('/v1/webhooks/mg'),
    413: (one) => one.post('/v1/webhooks/sg', { ...form, 'content-length': '900000000' }, 'x'),
    415: (one) => one.post('/v1/webhooks/mg', json, '{}'),
    422: (one) => one.post('/v1/webhooks/sg', form, '--x--'),
    503: (one) => refusing(one, { obstacle: refusal('down') }).post('/v1/webhooks/pm', json, '{}'),
  },
  'get /v1/openapi.json': { 200: (one) => one.request('GET', '/v1/openapi.json', { authorization: undefined }) },
};

describe('each documented answer is given, and no other is missing here', () => {
  const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { responses }]) => Object.keys(responses).map((status) => `${method} ${path} ${status}`)),
  );
  test('all of them', () => {
    const here = Object.entries(produced).flatMap(([operation, statuses]) =>
      Object.keys(statuses).map((status) => `${operation} ${status}`),
    );
    expect(here.toSorted()).toEqual(documented.toSorted());
  });
  const rows = Object.entries(produced).flatMap(([operation, statuses]) =>
    Object.entries(statuses).map(([status, give]) => ({ operation, status: Number(status), give })),
  );
  test.each(rows)('$operation: $status', async ({ status, give }) => {
    const one = httpApp({ access });
    const answer = await give(one);
    await one.app.close();
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe(status >= 400 ? 'application/problem+json' : 'application/json');
    if (status >= 400)
      expect(answer.json()).toMatchObject({
        type: 'about:blank',
        status,
        title: expect.any(String),
        detail: expect.any(String),
        code: expect.any(String),
      });
    if (status === 429 || status === 503 || status === 409) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});
