import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { reject } from '../../foreign-file.ts';
import { bytesIn, type Form, formDigest, textIn } from '../form.ts';
import { fieldsIn, jsonIn, listIn, stringIn } from '../json.ts';
import { compositionOf, fileOf, pathIn } from '../parsed-mail.ts';
import { isFresh, type Verdict, type WebhookDialect, type WebhookRequest } from '../webhook.ts';

/**
 * SendGrid Inbound Parse: a form with the whole message in `email` ("post the raw, full MIME message"), or with what it has taken
 * apart, its texts in the character sets `charsets` tells. 2xx is taken; 5xx is sent again for 3 days, another code is not.
 */
export const sendgrid: WebhookDialect = {
  name: 'sendgrid',
  types: ['multipart/form-data', 'application/x-www-form-urlencoded'],
  read({ form }) {
    if (form === undefined) return reject('unrecognised', 'this is no form');
    const { to, from } = fieldsIn(jsonIn(textIn(form, 'envelope')));
    const recipients = listIn(to).flatMap((one) => pathIn(stringIn(one)) ?? []);
    const sender = pathIn(stringIn(from));
    if (recipients.length === 0 || sender === undefined) return reject('envelope', 'the form has no envelope', 'envelope');
    const mail = { kind: 'mail' as const, id: formDigest(form), sender, recipients };
    const raw = bytesIn(form, 'email');
    if (raw !== undefined) return { ...mail, content: { kind: 'raw', bytes: raw } };
    const charsets = fieldsIn(jsonIn(textIn(form, 'charsets')));
    const text = (name: string) => textIn(form, name, stringIn(charsets[name]));
    const headers = (text('headers') ?? '')
      .replace(/\r?\n[ \t]+/g, ' ')
      .split(/\r?\n/)
      .flatMap((line): [string, string][] => {
        const [, name, value] = /^([!-9;-~]{1,76}):\s*(.*)$/.exec(line) ?? [];
        return name === undefined || value === undefined ? [] : [[name, value]];
      });
    // Decoded by the provider, so they are better than what the header block has.
    const better = (['from', 'to', 'cc', 'subject'] as const).flatMap((name): [string, string][] => {
      const value = text(name);
      return value === undefined ? [] : [[name, value]];
    });
    const composition = compositionOf({
      headers: [...headers.filter(([name]) => !better.some(([one]) => one === name.toLowerCase())), ...better],
      text: text('text') ?? '',
      html: text('html'),
      files: filesIn(form),
    });
    return { ...mail, content: { kind: 'parsed', composition } };
  },
};

/** The key as the provider shows it: base64 of a SubjectPublicKeyInfo. @returns `undefined` for what is none on an elliptic curve. */
export function sendgridKey(text: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ec' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Its signature: ECDSA with SHA-256 over the timestamp and the body as it came. */
export function verifySendgrid({ header, body }: WebhookRequest, key: KeyObject, nowMs: number, windowMs: number): Verdict {
  const signature = header('x-twilio-email-event-webhook-signature');
  const timestamp = header('x-twilio-email-event-webhook-timestamp') ?? '';
  if (signature === undefined || !/^\d{1,12}$/.test(timestamp))
    return { ok: false, code: 'signature', reason: 'the request is not signed' };
  let good = false;
  try {
    good = verify('sha256', Buffer.concat([Buffer.from(timestamp), body]), key, Buffer.from(signature, 'base64'));
  } catch {
    // no signature of this form
  }
  if (!good) return { ok: false, code: 'signature', reason: 'the signature is wrong' };
  if (!isFresh(Number(timestamp) * 1_000, nowMs, windowMs)) return { ok: false, code: 'timestamp', reason: 'the signature is too old' };
  return { ok: true };
}

/** `attachment1` and so on; `attachment-info` has their names and types, `content-ids` those that HTML shows. */
function filesIn(form: Form) {
  const info = fieldsIn(jsonIn(textIn(form, 'attachment-info')));
  const ids = new Map(Object.entries(fieldsIn(jsonIn(textIn(form, 'content-ids')))).map(([id, field]) => [field, id]));
  return form.parts
    .filter(({ name }) => /^attachment\d{1,4}$/.test(name))
    .map(({ name, file, type, bytes }) => {
      const told = fieldsIn(info[name]);
      const id = stringIn(told['content-id']) ?? ids.get(name);
      return fileOf(stringIn(told['filename']) ?? stringIn(told['name']) ?? file, stringIn(told['type']) ?? type, bytes, id);
    });
}
