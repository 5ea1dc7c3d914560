import { createHmac, timingSafeEqual } from 'node:crypto';
import { reject } from '../../foreign-file.ts';
import { bytesIn, type Form, formDigest, textIn } from '../form.ts';
import { jsonIn } from '../json.ts';
import { compositionOf, fileOf, pathIn } from '../parsed-mail.ts';
import { isFresh, type Verdict, type WebhookDialect } from '../webhook.ts';

/**
 * Mailgun routes, `forward(url)`: a form with what it has taken apart, or with the whole message in `body-mime` for an address that ends
 * in `mime`. 200 is taken, 406 is never sent again, anything else is, for 8 hours.
 */
export const mailgun: WebhookDialect = {
  name: 'mailgun',
  types: ['multipart/form-data', 'application/x-www-form-urlencoded'],
  read({ form }) {
    if (form === undefined) return reject('unrecognised', 'this is no form');
    const recipients = (textIn(form, 'recipient') ?? '').split(',').map((one) => one.trim());
    const sender = pathIn(textIn(form, 'sender'));
    const known = recipients.filter(Boolean);
    if (known.length === 0 || sender === undefined) return reject('envelope', 'the form has no recipient or no sender', 'recipient');
    const mail = { kind: 'mail' as const, id: formDigest(form, signed), sender, recipients: known };
    const mime = bytesIn(form, 'body-mime');
    if (mime !== undefined) return { ...mail, content: { kind: 'raw', bytes: mime } };
    const headers = headersIn(form);
    if (headers === undefined) return reject('syntax', 'message-headers is no list of headers', 'message-headers');
    const composition = compositionOf({
      headers,
      text: textIn(form, 'body-plain') ?? '',
      html: textIn(form, 'body-html'),
      files: filesIn(form),
    });
    return { ...mail, content: { kind: 'parsed', composition } };
  },
};

const signed = ['timestamp', 'token', 'signature'];

/**
 * Its signature: HMAC-SHA-256 of timestamp and token. It covers nothing else, so that a token is good for one mail only.
 *
 * @param key the HTTP webhook signing key of the account.
 */
export function verifyMailgun(form: Form | undefined, key: string, nowMs: number, windowMs: number): Verdict {
  const [timestamp = '', token = '', signature = ''] = signed.map((name) => textIn(form, name));
  const isFormed = /^\d{1,12}$/.test(timestamp) && /^[!-~]{1,200}$/.test(token) && /^[0-9a-f]{64}$/i.test(signature);
  if (!isFormed) return { ok: false, code: 'signature', reason: 'the form is not signed' };
  const expected = createHmac('sha256', key).update(`${timestamp}${token}`).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) return { ok: false, code: 'signature', reason: 'the signature is wrong' };
  if (!isFresh(Number(timestamp) * 1_000, nowMs, windowMs)) return { ok: false, code: 'timestamp', reason: 'the signature is too old' };
  return { ok: true, once: token };
}

/** `message-headers`: a list of pairs. */
function headersIn(form: Form): [string, string][] | undefined {
  const list = jsonIn(textIn(form, 'message-headers'));
  if (!Array.isArray(list)) return undefined;
  return list.flatMap((pair: unknown): [string, string][] => {
    const [name, value]: unknown[] = Array.isArray(pair) ? pair : [];
    return typeof name === 'string' && typeof value === 'string' ? [[name, value]] : [];
  });
}

/** `attachment-1` and so on; `content-id-map` names those that HTML shows. */
function filesIn(form: Form) {
  const map = jsonIn(textIn(form, 'content-id-map'));
  const ids = new Map<unknown, string>();
  if (typeof map === 'object' && map !== null) for (const [id, field] of Object.entries(map)) ids.set(field, id);
  return form.parts
    .filter(({ name }) => /^attachment-\d{1,4}$/.test(name))
    .map(({ name, file, type, bytes }) => fileOf(file, type, bytes, ids.get(name)));
}
