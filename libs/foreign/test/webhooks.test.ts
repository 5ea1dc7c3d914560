import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { multipartForm, partsOfSample, type PostedPart, urlEncodedForm } from '@mailrail/testing';
import { simpleParser } from 'mailparser';
import { compose } from '../src/compose.ts';
import {
  readForm,
  readSns,
  sendgridKey,
  verifyMailgun,
  verifySendgrid,
  verifySns,
  type WebhookMail,
  type WebhookRequest,
  webhookDialects,
} from '../src/index.ts';
import { context, sample } from './dialect-support.ts';

const { mailgun, sendgrid, postmark, ses } = webhookDialects;
const fixture = (name: string) => readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8');

async function posted(parts: readonly PostedPart[], encode = multipartForm): Promise<WebhookRequest> {
  const { contentType, body } = encode(parts);
  const form = await readForm(contentType, body);
  if (form === undefined || 'kind' in form) throw new Error('no form');
  return { header: () => undefined, body, form };
}
const json = (body: string | Buffer): WebhookRequest => ({ header: () => undefined, body: Buffer.from(body), form: undefined });
const sampleParts = (name: string) => partsOfSample(sample('webhooks', name).toString());
function mailOf(read: ReturnType<typeof mailgun.read>): WebhookMail {
  if (read.kind !== 'mail') throw new Error(JSON.stringify(read));
  return read;
}
async function messageOf({ content }: WebhookMail): Promise<string> {
  if (content.kind === 'raw') return content.bytes.toString('latin1');
  return Buffer.concat((await compose(content.composition, context)).parts).toString('latin1');
}

describe('Mailgun', () => {
  test('taken apart: envelope, fields, both texts, files, and the trace it came with', async () => {
    const mail = mailOf(mailgun.read(await posted(sampleParts('mailgun-parsed.json'))));
    expect(mail).toMatchObject({ sender: 'bounce+7@shop.example', recipients: ['ada@corp.example'] });
    const text = await messageOf(mail);
    const read = await simpleParser(text);
    expect(read.subject).toBe('Ihre Bestellung – Größe XL');
    expect(read.from?.value).toEqual([{ address: 'orders@shop.example', name: 'Läden & Söhne' }]);
    expect(read.date?.toISOString()).toBe('2026-10-05T08:00:00.000Z');
    expect(read.messageId).toBe('<order-7@shop.example>');
    expect(read.inReplyTo).toBe('<question-1@corp.example>');
    expect(read.replyTo?.text).toBe('help@shop.example');
    expect(read.text).toContain('Danke für Ihre Bestellung.');
    expect(read.attachments.map(({ filename, contentType, cid }) => [filename, contentType, cid])).toEqual([
      ['logo.png', 'image/png', 'logo@shop'],
      ['Rechnung März.pdf', 'application/pdf', undefined],
    ]);
    expect(text).toMatch(/^Received: from mail\.shop\.example/m);
    expect(text).toMatch(/^X-Order: 7\r$/m);
    expect(text).not.toMatch(/^(dkim-signature|x-mailgun-incoming):/im);
    expect(text.match(/^Content-Type:/gim)?.[0]).toBe('Content-Type:');
  });

  test.each([
    ['multipart', multipartForm],
    ['urlencoded', urlEncodedForm],
  ])('the whole message passes byte for byte (%s)', async (_name, encode) => {
    const parts = sampleParts('mailgun-mime.json').map((part) =>
      part.name === 'body-mime' ? { ...part, bytes: Buffer.concat([part.bytes, Buffer.from([0xfc, 0x80, 0x2b, 0x25, 0x26])]) } : part,
    );
    const mail = mailOf(mailgun.read(await posted(parts, encode)));
    const mime = parts.find(({ name }) => name === 'body-mime');
    expect(mail.content).toEqual({ kind: 'raw', bytes: mime?.bytes });
  });

  test('a repeat is the same mail, whatever its boundary and signature; another is not', async () => {
    const parts = sampleParts('mailgun-parsed.json');
    const signed = (token: string) => [
      ...parts,
      { name: 'token', bytes: Buffer.from(token) },
      { name: 'timestamp', bytes: Buffer.from('1') },
    ];
    const first = mailOf(mailgun.read(await posted(signed('a'))));
    const again = mailOf(mailgun.read(await posted(signed('b'), (some) => multipartForm(some, 'other'))));
    const other = mailOf(
      mailgun.read(await posted(parts.map((part) => (part.name === 'body-plain' ? { ...part, bytes: Buffer.from('x') } : part)))),
    );
    expect(again.id).toBe(first.id);
    expect(other.id).not.toBe(first.id);
  });

  test.each([
    ['no recipient', [{ name: 'sender', bytes: Buffer.from('a@b.example') }], 'envelope'],
    [
      'headers that are none',
      [
        { name: 'sender', bytes: Buffer.from('a@b.example') },
        { name: 'recipient', bytes: Buffer.from('a@b.example') },
        { name: 'message-headers', bytes: Buffer.from('{') },
      ],
      'syntax',
    ],
  ])('%s', async (_name, parts, code) => {
    expect(mailgun.read(await posted(parts))).toMatchObject({ kind: 'reject', code });
  });

  const key = 'key-0123456789abcdef';
  const at = 1_790_000_000_000;
  const signature = (timestamp: string, token: string) =>
    createHmac('sha256', key)
      .update(timestamp + token)
      .digest('hex');
  test.each([
    ['good', '1790000000', 't', signature('1790000000', 't'), true],
    ['in capitals', '1790000000', 't', signature('1790000000', 't').toUpperCase(), true],
    ['of another token', '1790000000', 'u', signature('1790000000', 't'), 'signature'],
    ['of another time', '1790000001', 't', signature('1790000000', 't'), 'signature'],
    ['six minutes old', '1789999640', 't', signature('1789999640', 't'), 'timestamp'],
    ['six minutes ahead', '1790000360', 't', signature('1790000360', 't'), 'timestamp'],
    ['absent', '', '', '', 'signature'],
    ['no digest', '1790000000', 't', 'zz', 'signature'],
  ])('a signature: %s', async (_name, timestamp, token, value, verdict) => {
    const { form } = await posted(
      Object.entries({ timestamp, token, signature: value }).map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
    );
    const given = verifyMailgun(form, key, at, 300_000);
    expect(given.ok ? given.once === token : given.code).toBe(verdict);
  });
});

describe('SendGrid', () => {
  test('taken apart, each text in its own character set', async () => {
    const mail = mailOf(sendgrid.read(await posted(sampleParts('sendgrid-parsed.json'))));
    expect(mail).toMatchObject({ sender: 'bounce+7@shop.example', recipients: ['ada@corp.example'] });
    const text = await messageOf(mail);
    const read = await simpleParser(text);
    expect(read.subject).toBe('Größe');
    expect(read.from?.value[0]).toEqual({ address: 'orders@shop.example', name: 'Läden' });
    expect(read.text?.trim()).toBe('Schöne Grüße');
    expect(read.html).toContain('Schöne Grüße');
    expect(read.attachments[0]).toMatchObject({ filename: 'logo.gif', contentType: 'image/gif', cid: 'l1' });
    expect(read.references).toBe('<1@corp.example>');
    expect(text.match(/^Received:/gm)).toHaveLength(2);
  });

  test('raw: the message as it is, for all of its envelope', async () => {
    const mail = mailOf(sendgrid.read(await posted(sampleParts('sendgrid-raw.json'))));
    expect(mail).toMatchObject({ sender: null, recipients: ['ada@corp.example', 'x@elsewhere.example'] });
    expect(await messageOf(mail)).toMatch(/^Received: from mail\.shop\.example/);
  });

  test('without an envelope: refused', async () => {
    expect(sendgrid.read(await posted([{ name: 'email', bytes: Buffer.from('x') }]))).toMatchObject({ kind: 'reject', code: 'envelope' });
  });

  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const shown = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const body = Buffer.from([1, 2, 3, 0xff]);
  const signed = (timestamp: string, bytes: Buffer) =>
    sign('sha256', Buffer.concat([Buffer.from(timestamp), bytes]), privateKey).toString('base64');
  test.each([
    ['good', '1790000000', signed('1790000000', body), true],
    ['of another body', '1790000000', signed('1790000000', Buffer.from('x')), 'signature'],
    ['of another time', '1790000001', signed('1790000000', body), 'signature'],
    ['old', '1789999000', signed('1789999000', body), 'timestamp'],
    ['no signature', '1790000000', 'AAAA', 'signature'],
    ['none at all', undefined, undefined, 'signature'],
  ])('a signature: %s', (_name, timestamp, signature, verdict) => {
    const headers: Record<string, string | undefined> = {
      'x-twilio-email-event-webhook-timestamp': timestamp,
      'x-twilio-email-event-webhook-signature': signature,
    };
    const key = sendgridKey(shown);
    if (key === undefined) throw new Error('no key');
    const given = verifySendgrid({ header: (name) => headers[name], body, form: undefined }, key, 1_790_000_000_000, 300_000);
    expect(given.ok ? true : given.code).toBe(verdict);
  });
  test('a key that is none is seen when the file is read', () => {
    expect(sendgridKey('abc')).toBeUndefined();
    expect(
      sendgridKey(generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).toString('base64')),
    ).toBeUndefined();
  });
});

describe('Postmark', () => {
  const text = sample('webhooks', 'postmark.json').toString();
  test('taken apart; who is in Bcc is not shown', async () => {
    const mail = mailOf(postmark.read(json(text)));
    expect(mail).toMatchObject({ sender: 'bounce+7@shop.example', recipients: ['ada@corp.example'] });
    const message = await messageOf(mail);
    const read = await simpleParser(message);
    expect(read.from?.value[0]).toEqual({ address: 'orders@shop.example', name: 'Läden "am Eck"' });
    expect([read.to].flat()[0]?.value[0]?.address).toBe('ada@corp.example');
    expect([read.cc].flat()[0]?.value[0]?.address).toBe('ben@corp.example');
    expect(read.subject).toBe('Größe');
    expect(read.messageId).toBe('<pm-7@shop.example>');
    expect(read.attachments[0]).toMatchObject({ filename: 'Rechnung.pdf', size: 9 });
    expect(message).not.toMatch(/secret/);
  });
  test('with the whole message: as it is', async () => {
    const mail = mailOf(postmark.read(json(JSON.stringify({ ...JSON.parse(text), RawEmail: 'Subject: raw\r\n\r\nGröße\r\n' }))));
    expect(mail.content).toEqual({ kind: 'raw', bytes: Buffer.from('Subject: raw\r\n\r\nGröße\r\n') });
  });
  test.each([
    ['a null reverse-path', { Headers: [{ Name: 'return-path', Value: '<>' }] }, { sender: null }],
    ['no reverse-path', { Headers: [] }, { sender: 'orders@shop.example' }],
    ['no identity', { MessageID: '' }, { kind: 'reject', code: 'unrecognised' }],
    ['no recipient', { OriginalRecipient: '' }, { kind: 'reject', code: 'envelope' }],
  ])('%s', (_name, change, gives) => {
    expect(postmark.read(json(JSON.stringify({ ...JSON.parse(text), ...change })))).toMatchObject(gives);
  });
  test.each(['[]', 'null', '7', '{', '{"MessageID":{}}'])('%s is no message', (body) => {
    expect(postmark.read(json(body))).toMatchObject({ kind: 'reject' });
  });
});

describe('Amazon SNS', () => {
  const key = createPrivateKey(fixture('sns.key'));
  const certificate = fixture('sns.crt');
  const at = Date.parse('2027-03-05T08:00:03.000Z');
  const notification = {
    Type: 'Notification',
    MessageId: 'dc1e94d9-56c5-5e96-808d-cc7f68faa162',
    TopicArn: 'arn:aws:sns:eu-west-1:123456789012:mail',
    Subject: 'Amazon SES Email Receipt Notification',
    Message: sample('webhooks', 'ses-notification.json').toString(),
    Timestamp: '2027-03-05T08:00:03.000Z',
    SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem',
    UnsubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe',
  };
  const confirmation = {
    Type: 'SubscriptionConfirmation',
    MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
    Token: '2336412f37',
    TopicArn: notification.TopicArn,
    Message: 'You have chosen to subscribe',
    SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37',
    Timestamp: notification.Timestamp,
    SigningCertURL: notification.SigningCertURL,
  };
  const signedBy = (version: '1' | '2', fields: Record<string, string>) => {
    const names =
      fields['Type'] === 'Notification'
        ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
        : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
    const text = names.flatMap((name) => (fields[name] === undefined ? [] : [`${name}\n${fields[name]}\n`])).join('');
    return {
      ...fields,
      SignatureVersion: version,
      Signature: sign(version === '1' ? 'RSA-SHA1' : 'RSA-SHA256', Buffer.from(text), key).toString('base64'),
    };
  };
  const verdictOf = (fields: object, now = at) => {
    const message = readSns(Buffer.from(JSON.stringify(fields)));
    if (message === undefined) return 'no message';
    const verdict = verifySns(message, certificate, now, 4_200_000);
    return verdict.ok ? true : verdict.code;
  };
  const { Subject: _, ...withoutSubject } = notification;
  test.each([
    ['version 1', signedBy('1', notification), true],
    ['version 2', signedBy('2', notification), true],
    ['without a subject', signedBy('2', withoutSubject), true],
    ['of a confirmation', signedBy('2', confirmation), true],
    ['another text', { ...signedBy('2', notification), Message: 'x' }, 'signature'],
    ['version 1 said to be 2', { ...signedBy('1', notification), SignatureVersion: '2' }, 'signature'],
    ['an unknown version', { ...signedBy('2', notification), SignatureVersion: '3' }, 'no message'],
    ['old', signedBy('2', { ...notification, Timestamp: '2027-03-05T06:00:00.000Z' }), 'timestamp'],
    ['no time', signedBy('2', { ...notification, Timestamp: 'soon' }), 'timestamp'],
  ])('a signature: %s', (_name, fields, verdict) => {
    expect(verdictOf(fields)).toBe(verdict);
  });
  test.each([
    'http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem',
    'https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem',
    'https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem',
    'https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem',
    'https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem',
    'https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem',
    'https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-1.pem.exe',
    'file:///etc/passwd',
  ])('a certificate from %s is not asked for', (url) => {
    expect(verdictOf({ ...signedBy('2', notification), SigningCertURL: url })).toBe('no message');
  });
  test('nor is a subscription confirmed anywhere else', () => {
    expect(verdictOf(signedBy('2', { ...confirmation, SubscribeURL: 'https://evil.example/?Action=ConfirmSubscription' }))).toBe(
      'no message',
    );
  });

  const read = (message: object | string) =>
    ses.read(
      json(JSON.stringify(signedBy('2', { ...notification, Message: typeof message === 'string' ? message : JSON.stringify(message) }))),
    );
  const received = JSON.parse(notification.Message);
  test('a mail in the notification: envelope and content', () => {
    expect(read(received)).toMatchObject({
      kind: 'mail',
      id: notification.MessageId,
      sender: 'bounce+7@shop.example',
      recipients: ['ada@corp.example'],
      content: { kind: 'raw', bytes: Buffer.from(received.content) },
    });
  });
  test('as base64', () => {
    const action = { ...received.receipt.action, encoding: 'BASE64' };
    const content = Buffer.from([0x53, 0x3a, 0xfc]).toString('base64');
    expect(mailOf(read({ ...received, receipt: { ...received.receipt, action }, content })).content).toEqual({
      kind: 'raw',
      bytes: Buffer.from([0x53, 0x3a, 0xfc]),
    });
  });
  test.each([
    ['mail that lies in S3', { ...received, content: undefined }, { kind: 'reject', code: 'unsupported-type' }],
    ['without recipients', { ...received, receipt: {} }, { kind: 'reject', code: 'envelope' }],
    ['news of a bounce', { notificationType: 'Bounce' }, { kind: 'no-mail' }],
    ['the test of a topic', 'Successfully validated SNS topic for Amazon SES event publishing.', { kind: 'no-mail' }],
  ])('%s', (_name, message, gives) => {
    expect(read(message)).toMatchObject(gives);
  });
});

describe('forms', () => {
  test.each([
    ['a part without end', 'multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nunfinished'],
    ['no boundary', 'multipart/form-data', '--x--'],
    ['another boundary', 'multipart/form-data; boundary=y', '--x\r\n\r\n--x--'],
    ['too many fields', 'application/x-www-form-urlencoded', 'a=1&'.repeat(1_001)],
    ['an endless name', 'application/x-www-form-urlencoded', `${'a'.repeat(1_000)}=1`],
  ])('%s is refused', async (_name, type, body) => {
    expect(await readForm(type, Buffer.from(body))).toMatchObject({ kind: 'reject', code: 'syntax' });
  });
  test('more parts than a mail has', async () => {
    const { contentType, body } = multipartForm(Array.from({ length: 1_100 }, () => ({ name: 'a', bytes: Buffer.from('x') })));
    expect(await readForm(contentType, body)).toMatchObject({ kind: 'reject', code: 'syntax' });
  });
  test('a form within a form is the bytes of a part and no more', async () => {
    const inner = multipartForm([{ name: 'recipient', bytes: Buffer.from('evil@corp.example') }], 'inner');
    const outer = multipartForm([{ name: 'x', bytes: inner.body, type: inner.contentType }]);
    expect(await readForm(outer.contentType, outer.body)).toMatchObject({ parts: [{ name: 'x', bytes: inner.body }] });
  });
});
