import { createHash, createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { multipartForm, partsOfSample, type PostedForm, urlEncodedForm, waitFor } from '@mailrail/testing';
import { parseAccessFile } from '../src/http/access-file.ts';
import type { HttpApiOptions } from '../src/http-api.ts';
import { organization, refusal } from './fake-acceptor.ts';
import { httpApp } from './http-support.ts';

const signingKey = 'key-0123456789abcdef';
const sendgridPair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const topic = 'arn:aws:sns:eu-west-1:123456789012:mail';
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const access = parseAccessFile(`
keys:
  - { name: inbound, sha256: ${sha256('inbound-password')}, scopes: ["webhook:inbound", "webhook:parse"] }
  - { name: writer, sha256: ${sha256('writer-password')}, scopes: [send] }
webhooks:
  - { name: mg, kind: mailgun, signingKey: ${signingKey} }
  - { name: parse, kind: sendgrid }
  - { name: signed, kind: sendgrid, publicKey: ${sendgridPair.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')} }
  - { name: inbound, kind: postmark }
  - { name: support, kind: postmark, deliverTo: [ben@corp.example] }
  - { name: aws, kind: ses, topics: ["${topic}"] }
`);
const foreign = path.join(import.meta.dirname, '../../../libs/foreign');
const sample = (name: string) => readFileSync(path.join(foreign, 'samples/webhooks', name), 'utf8');
const fixture = (name: string) => readFileSync(path.join(foreign, 'test/fixtures', name), 'utf8');
const at = Date.parse('2027-03-05T08:00:00.000Z');

const app = (more: Partial<HttpApiOptions> = {}) => httpApp({ access, now: () => at, ...more });
type App = ReturnType<typeof app>;
const formPost = (one: App, url: string, form: PostedForm, headers: Record<string, string | undefined> = {}) =>
  one.post(url, { 'content-type': form.contentType, authorization: undefined, ...headers }, form.body);

function mailgunForm(
  name: string,
  { token = 'a-token', timestamp = String(at / 1_000), key = signingKey, change = {} as Record<string, string> } = {},
) {
  const signature = createHmac('sha256', key).update(`${timestamp}${token}`).digest('hex');
  const parts = partsOfSample(sample(name)).map((part) => {
    const changed = change[part.name];
    return changed === undefined ? part : { ...part, bytes: Buffer.from(changed) };
  });
  return [...parts, ...Object.entries({ timestamp, token, signature }).map(([field, text]) => ({ name: field, bytes: Buffer.from(text) }))];
}
const basic = (password: string) => `Basic ${Buffer.from(`mail:${password}`).toString('base64')}`;

describe('Mailgun', () => {
  test('parsed: 200, from outside, with the envelope of the form', async () => {
    const one = app();
    const answer = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-parsed.json')));
    await one.app.close();
    expect(answer.statusCode).toBe(200);
    const [taken] = one.acceptor.taken;
    expect(answer.json()).toEqual({ id: taken?.request.rootId, recipients: 1 });
    expect(taken?.request).toMatchObject({
      sender: 'SMTP:bounce+7@shop.example',
      recipients: [{ address: 'SMTP:ada@corp.example' }],
      client: 'http:webhook:mg',
      origin: { trust: 'outside', authenticated: false, user: 'webhook:mg' },
    });
    expect(taken?.bytes.toString()).toMatch(/^Message-ID: <order-7@shop\.example>\r$/m);
  });

  test.each([
    ['', multipartForm],
    ['/mime', urlEncodedForm],
  ])('the whole message, at /v1/webhooks/mg%s: its bytes', async (more, encode) => {
    const one = app();
    const parts = mailgunForm('mailgun-mime.json');
    const answer = await formPost(one, `/v1/webhooks/mg${more}`, encode(parts));
    await one.app.close();
    expect(answer.statusCode).toBe(200);
    expect(one.acceptor.taken[0]?.bytes).toEqual(parts.find(({ name }) => name === 'body-mime')?.bytes);
  });

  test('a repeat with a new signature is the same mail, taken once', async () => {
    const one = app();
    const first = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-parsed.json')));
    const again = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-parsed.json', { token: 'b' }), 'other'));
    await one.app.close();
    expect(again.json()).toEqual(first.json());
    expect(one.acceptor.taken).toHaveLength(1);
  });

  test('the ledger silent: the repeat has the same identity', async () => {
    const one = app();
    one.ledger.silent = true;
    for (const token of ['a', 'b']) await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-parsed.json', { token })));
    await one.app.close();
    expect(new Set(one.acceptor.taken.map(({ request }) => request.rootId)).size).toBe(1);
  });

  test.each([
    ['a forged signature', { key: 'another-key-0123456789' }, 'signature'],
    ['an old timestamp', { timestamp: String(at / 1_000 - 301) }, 'timestamp'],
  ])('%s: 403, and nothing taken', async (_name, change, code) => {
    const one = app();
    const answer = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-parsed.json', change)));
    await one.app.close();
    expect(answer.json()).toMatchObject({ status: 403, code });
    expect(one.acceptor.begun).toBe(0);
  });

  test('a signature that was used, with another mail: 403', async () => {
    const one = app();
    await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-parsed.json')));
    const forged = await formPost(
      one,
      '/v1/webhooks/mg',
      multipartForm(mailgunForm('mailgun-parsed.json', { change: { 'body-plain': 'send money' } })),
    );
    await one.app.close();
    expect(forged.json()).toMatchObject({ status: 403, code: 'signature' });
    expect(one.acceptor.taken).toHaveLength(1);
  });

  test.each([
    ['nobody of ours', { recipient: 'x@elsewhere.example' }, 'relay-denied'],
    ['somebody behind a domain that is relayed', { recipient: 'x%elsewhere.example@relay.example' }, 'relay-denied'],
    ['no address', { recipient: 'nobody' }, 'relay-denied'],
    ['a sender that is none', { sender: 'not an address' }, 'envelope'],
    ['a NUL in it', { 'body-mime': 'Subject: x\r\n\r\n\0' }, 'syntax'],
    ['nothing in it', { 'body-mime': '' }, 'empty'],
  ])('%s: 406, so that it is not sent again', async (_name, change, code) => {
    const one = app();
    const answer = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-mime.json', { change })));
    await one.app.close();
    expect(answer.json()).toMatchObject({ status: 406, code });
    expect(one.acceptor.taken).toHaveLength(0);
  });

  test.each([
    ['the line is down', { obstacle: refusal('down') }],
    ['the store fails', { finish: refusal('storage') }],
    ['no confirm', { finish: refusal('unconfirmed') }],
    ['too much in hand', { begin: refusal('in-hand') }],
  ])('%s: 503, so that it is', async (_name, answers) => {
    const one = app();
    one.acceptor.answers = answers;
    const answer = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-mime.json')));
    one.acceptor.answers = {};
    const again = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-mime.json', { token: 'b' })));
    await one.app.close();
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(again.statusCode).toBe(200);
  });

  test('a message over the limit: 406', async () => {
    const one = app();
    one.acceptor.answers = { finish: refusal('too-large') };
    const answer = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-mime.json')));
    await one.app.close();
    expect(answer.json()).toMatchObject({ status: 406, code: 'too-large' });
  });
});

describe('SendGrid', () => {
  const form = multipartForm(partsOfSample(sample('sendgrid-raw.json')));
  test('a password in the address: raw, and of its envelope what is ours', async () => {
    const one = app();
    const answer = await formPost(one, '/v1/webhooks/parse', form, { authorization: basic('inbound-password') });
    await one.app.close();
    expect(answer.statusCode).toBe(200);
    expect(one.acceptor.taken[0]?.request).toMatchObject({ sender: null, recipients: [{ address: 'SMTP:ada@corp.example' }] });
  });
  test.each([
    ['none', undefined, 401],
    ['a wrong one', basic('wrong'), 401],
    ['one for something else', basic('writer-password'), 403],
    ['the key of the environment', 'Bearer a-key-of-some-length', 200],
  ])('a password: %s', async (_name, authorization, status) => {
    const one = app();
    const answer = await formPost(one, '/v1/webhooks/parse', form, { authorization });
    await one.app.close();
    expect(answer.statusCode).toBe(status);
  });

  const signedHeaders = (body: Buffer, timestamp = String(at / 1_000)) => ({
    'x-twilio-email-event-webhook-timestamp': timestamp,
    'x-twilio-email-event-webhook-signature': sign(
      'sha256',
      Buffer.concat([Buffer.from(timestamp), body]),
      sendgridPair.privateKey,
    ).toString('base64'),
  });
  test.each([
    ['good', signedHeaders(form.body), 200],
    ['of another body', signedHeaders(Buffer.from('x')), 403],
    ['old', signedHeaders(form.body, String(at / 1_000 - 600)), 403],
    ['absent', {}, 403],
  ])('a signature: %s', async (_name, headers, status) => {
    const one = app();
    const answer = await formPost(one, '/v1/webhooks/signed', form, headers);
    await one.app.close();
    expect(answer.statusCode).toBe(status);
    expect(one.acceptor.taken).toHaveLength(status === 200 ? 1 : 0);
  });

  test('nobody of ours: a code that is not sent again', async () => {
    const one = app();
    const parts = partsOfSample(sample('sendgrid-raw.json')).map((part) =>
      part.name === 'envelope' ? { ...part, bytes: Buffer.from('{"to":["x@elsewhere.example"],"from":"a@shop.example"}') } : part,
    );
    const answer = await formPost(one, '/v1/webhooks/parse', multipartForm(parts), { authorization: basic('inbound-password') });
    await one.app.close();
    expect(answer.json()).toMatchObject({ status: 403, code: 'relay-denied' });
  });
});

describe('Postmark', () => {
  const body = sample('postmark.json');
  const send = (one: App, text = body, url = '/v1/webhooks/inbound', password = 'inbound-password') =>
    one.post(url, { 'content-type': 'application/json', authorization: basic(password) }, text);
  test('JSON with a password: 200, and once', async () => {
    const one = app();
    const first = await send(one);
    const again = await send(one);
    await one.app.close();
    expect([first.statusCode, again.statusCode]).toEqual([200, 200]);
    expect(again.json()).toEqual(first.json());
    expect(one.acceptor.taken).toHaveLength(1);
    expect(one.acceptor.taken[0]?.bytes.toString()).toContain('Rechnung.pdf');
  });
  test('what it can never take: 403, which ends its attempts; a wrong password does not', async () => {
    const one = app();
    const never = await send(one, '{}');
    const wrong = await send(one, body, '/v1/webhooks/inbound', 'wrong');
    await one.app.close();
    expect([never.statusCode, wrong.statusCode]).toEqual([403, 401]);
  });
  test('an address of the provider’s own is delivered to whom the file names', async () => {
    const one = app({ apiKey: 'the-key-of-all-things' });
    const text = JSON.stringify({ ...JSON.parse(body), OriginalRecipient: 'hash@inbound.postmarkapp.com' });
    const answer = await one.post(
      '/v1/webhooks/support',
      { 'content-type': 'application/json', authorization: basic('the-key-of-all-things') },
      text,
    );
    await one.app.close();
    expect(answer.statusCode).toBe(200);
    expect(one.acceptor.taken[0]?.request.recipients).toEqual([{ address: 'SMTP:ben@corp.example' }]);
  });
});

describe('Amazon SES', () => {
  const key = createPrivateKey(fixture('sns.key'));
  const common = {
    TopicArn: topic,
    Timestamp: '2027-03-05T08:00:00.000Z',
    SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem',
  };
  const signed = (fields: Record<string, string>) => {
    const names = 'Message MessageId Subject SubscribeURL Timestamp Token TopicArn Type'.split(' ');
    const text = names.flatMap((name) => (fields[name] === undefined ? [] : [`${name}\n${fields[name]}\n`])).join('');
    return JSON.stringify({ ...fields, SignatureVersion: '2', Signature: sign('RSA-SHA256', Buffer.from(text), key).toString('base64') });
  };
  const notification = (more: Record<string, string> = {}) =>
    signed({ ...common, Type: 'Notification', MessageId: 'm-1', Message: sample('ses-notification.json'), ...more });
  const confirmation = (more: Record<string, string> = {}) =>
    signed({
      ...common,
      Type: 'SubscriptionConfirmation',
      MessageId: 's-1',
      Message: 'You have chosen to subscribe',
      Token: 't',
      SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t',
      ...more,
    });
  function amazon(fails = false) {
    const asked: string[] = [];
    const fetchText = (url: string) => {
      asked.push(url);
      return fails ? Promise.reject(new Error('away')) : Promise.resolve(fixture('sns.crt'));
    };
    return { asked, fetchText };
  }
  const send = (one: App, text: string) =>
    one.post('/v1/webhooks/aws', { 'content-type': 'text/plain; charset=UTF-8', authorization: undefined }, text);

  test('a notification with the message: taken once; the certificate is asked for once', async () => {
    const { asked, fetchText } = amazon();
    const one = app({ fetchText });
    const answers = [await send(one, notification()), await send(one, notification())];
    await one.app.close();
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect(one.acceptor.taken).toHaveLength(1);
    expect(one.acceptor.taken[0]?.request).toMatchObject({ sender: 'SMTP:bounce+7@shop.example', origin: { trust: 'outside' } });
    expect(asked).toEqual([common.SigningCertURL]);
  });
  test('many at once before the certificate is here: it is asked for once; at most four addresses at a time, the next hears 503', async () => {
    const asked: string[] = [];
    const certificate = Promise.withResolvers<string>();
    const one = app({
      fetchText: (url) => {
        asked.push(url);
        return certificate.promise;
      },
    });
    const at = (name: string) => ({ SigningCertURL: `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${name}.pem` });
    const same = ['m-1', 'm-2', 'm-3'].map((MessageId) => send(one, notification({ MessageId })));
    await waitFor(() => asked.length === 1, { what: 'the first certificate asked for' });
    const others = ['a', 'b', 'c'].map((name) => send(one, notification(at(name))));
    await waitFor(() => asked.length === 4, { what: 'three more' });
    const fifth = await send(one, notification(at('d')));
    expect(fifth.statusCode).toBe(503);
    expect(fifth.json()).toMatchObject({ code: 'busy' });
    expect(fifth.headers['retry-after']).toBe('5');
    certificate.resolve(fixture('sns.crt'));
    const answers = await Promise.all([...same, ...others]);
    expect(answers.filter(({ statusCode }) => statusCode === 200 || statusCode === 503)).toHaveLength(6);
    expect(answers.slice(0, 3).map(({ statusCode }) => statusCode)).toContain(200);
    expect((await send(one, notification({ MessageId: 'm-4', ...at('d') }))).statusCode).toBe(200); // there is room again
    await one.app.close();
    expect(asked.map((url) => path.posix.basename(url, '.pem').split('-')[1])).toEqual(['0123', 'a', 'b', 'c', 'd']);
  });
  test('more than SNS ever sends: refused before it is understood', async () => {
    const { asked, fetchText } = amazon();
    const one = app({ fetchText });
    const answer = await send(one, notification({ Subject: 'x'.repeat(2_200_000) }));
    await one.app.close();
    expect(answer.statusCode).toBe(413);
    expect(asked).toEqual([]);
  });
  test('strangers who fill the place of webhooks keep nobody out who has a key', async () => {
    const { fetchText } = amazon();
    const one = app({ fetchText, wholeBodiesBytes: 600 });
    const full = await send(one, notification());
    const json = { 'content-type': 'application/json' };
    const composed = await one.post('/v1/messages:compose', json, JSON.stringify({ from: 'ada@corp.example', to: 'ben@corp.example' }));
    await one.app.close();
    expect([full.statusCode, composed.statusCode]).toEqual([503, 202]);
  });
  test('a subscription of our topic is confirmed, at Amazon', async () => {
    const { asked, fetchText } = amazon();
    const one = app({ fetchText });
    const answer = await send(one, confirmation());
    await one.app.close();
    expect(answer.json()).toEqual({ ignored: 'SubscriptionConfirmation' });
    expect(asked).toEqual([common.SigningCertURL, 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t']);
  });
  test.each([
    ['of another topic', confirmation({ TopicArn: 'arn:aws:sns:eu-west-1:999999999999:mail' }), []],
    ['to be confirmed elsewhere', confirmation({ SubscribeURL: 'https://evil.example/' }), []],
    ['with a certificate from elsewhere', notification({ SigningCertURL: 'https://evil.example/SimpleNotificationService-0.pem' }), []],
    ['forged', notification().replace('"m-1"', '"m-2"'), [common.SigningCertURL]],
    ['old', notification({ Timestamp: '2027-03-05T06:00:00.000Z' }), [common.SigningCertURL]],
    ['of nobody', '{}', []],
  ])('a message %s: 403, and nobody else is asked', async (_name, text, asks) => {
    const { asked, fetchText } = amazon();
    const one = app({ fetchText });
    const answer = await send(one, text);
    await one.app.close();
    expect(answer.statusCode).toBe(403);
    expect(asked).toEqual(asks);
    expect(one.acceptor.begun).toBe(0);
  });
  test('Amazon cannot be asked: 503, and the next time it is asked again', async () => {
    const { asked, fetchText } = amazon(true);
    const one = app({ fetchText });
    const answers = [await send(one, notification()), await send(one, notification())];
    await one.app.close();
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 503]);
    expect(asked).toHaveLength(2);
  });
  test('mail that lies in S3: refused for good, and said why', async () => {
    const { fetchText } = amazon();
    const one = app({ fetchText });
    const { content: _, ...without } = JSON.parse(sample('ses-notification.json'));
    const answer = await send(one, notification({ Message: JSON.stringify(without) }));
    await one.app.close();
    expect(answer.json()).toMatchObject({ status: 415, detail: expect.stringContaining('S3') });
  });
});

describe('what any of them may send', () => {
  test.each([
    ['a webhook that is not there', '/v1/webhooks/nobody', { 'content-type': 'application/json' }, '{}', 404],
    ['another type', '/v1/webhooks/mg', { 'content-type': 'application/json' }, '{}', 415],
    ['parts without an end', '/v1/webhooks/mg', { 'content-type': 'multipart/form-data; boundary=x' }, '--x\r\n\r\nabc', 406],
    ['a compressed body', '/v1/webhooks/mg', { 'content-type': 'multipart/form-data; boundary=x', 'content-encoding': 'gzip' }, 'x', 415],
    [
      'a size over the limit',
      '/v1/webhooks/mg',
      { 'content-type': 'multipart/form-data; boundary=x', 'content-length': '900000000' },
      'x',
      406,
    ],
  ])('%s', async (_name, url, headers, body, status) => {
    const one = app();
    const answer = await one.post(url, { authorization: undefined, ...headers }, body);
    await one.app.close();
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(one.acceptor.begun).toBe(0);
  });
  test('the header block over its limit', async () => {
    const one = app({ organization: organization({ headerBytes: '60B' }) });
    const answer = await formPost(one, '/v1/webhooks/mg', multipartForm(mailgunForm('mailgun-mime.json')));
    await one.app.close();
    expect(answer.json()).toMatchObject({ status: 406, code: 'too-large' });
  });
});

describe('the access file', () => {
  test.each([
    ['a topic that is none', 'webhooks: [{ name: a, kind: ses, topics: [mail] }]', 'ARN'],
    ['no topic', 'webhooks: [{ name: a, kind: ses, topics: [] }]', 'topics'],
    ['a key that is none', 'webhooks: [{ name: a, kind: sendgrid, publicKey: abc }]', 'verification key'],
    ['a short signing key', 'webhooks: [{ name: a, kind: mailgun, signingKey: short }]', 'signingKey'],
    ['two of a name', 'webhooks: [{ name: a, kind: postmark }, { name: a, kind: postmark }]', 'two webhooks'],
    ['a window of a week', `webhooks: [{ name: a, kind: mailgun, signingKey: ${signingKey}, window: 7d }]`, '12h'],
  ])('%s is told', (_name, text, told) => {
    expect(() => parseAccessFile(text)).toThrow(told);
  });
});
