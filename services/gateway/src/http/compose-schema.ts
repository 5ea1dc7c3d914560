import { smtpMailbox } from '@mailrail/mail';
import { z } from 'zod';
import { addresses } from '../eml/header-envelope.ts';
import { EnvelopeId, NotifyWords } from './schemas.ts';

const hasControls = /[\p{Cc}\u2028\u2029]/u;
const line = (most: number) =>
  z
    .string()
    .max(most)
    .refine((text) => !hasControls.test(text), 'a line must not hold line ends and other controls');
const messageId = /^<[!-;=?-~]{1,250}>$/;

/** A mailbox as a person shows it: typed address, name if there is one. */
export interface NamedAddress {
  address: string;
  name?: string;
}

/** `ada@corp.example`, `Ada Lovelace <ada@corp.example>` or `{ address, name }`. */
const Mailbox = z
  .union([line(1_000), z.strictObject({ address: line(600), name: line(200).optional() })])
  .transform((given, context): NamedAddress => {
    const [found, ...others] = addresses(typeof given === 'string' ? given : `<${given.address}>`);
    if (found?.mailbox === undefined || others.length > 0) {
      context.addIssue({ code: 'custom', message: 'this is no mail address' });
      return z.NEVER;
    }
    if (smtpMailbox(found.mailbox.address)?.includes('@') !== true) {
      context.addIssue({ code: 'custom', message: 'the address has no domain' });
      return z.NEVER;
    }
    const name = typeof given === 'string' ? found.name : given.name;
    return { address: found.mailbox.address, ...(name === undefined || name === '' ? {} : { name }) };
  });
const Mailboxes = z.union([Mailbox.transform((one) => [one]), z.array(Mailbox)]);

/** Base64 (RFC 4648 §4), line ends between allowed. */
const Bytes = z.string().transform((text, context) => {
  const plain = /\s/.test(text) ? text.replaceAll(/\s+/g, '') : text;
  const bytes = Buffer.from(plain, 'base64');
  // What is no letter of base64 is skipped by the decoder: then there are fewer bytes than the text has.
  const letters = plain.endsWith('==') ? plain.length - 2 : plain.endsWith('=') ? plain.length - 1 : plain.length;
  if (bytes.length === Math.floor((letters * 3) / 4) && letters % 4 !== 1 && !/[-_]/.test(plain)) return bytes;
  context.addIssue({ code: 'custom', message: 'this is no base64' });
  return z.NEVER;
});

const Attachment = z.strictObject({
  name: line(200)
    .min(1)
    .refine((name) => !/[/\\]/.test(name), 'a file name, without a path')
    .describe('File name, without a path.'),
  type: z
    .string()
    .max(100)
    .regex(/^[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*$/i, 'a media type such as image/png, without parameters')
    .refine((type) => !/^(multipart|message)\//i.test(type), 'multipart and message types cannot be attached here')
    .optional()
    .describe('Media type; by the name when absent.'),
  content: Bytes.describe('Base64.'),
  cid: z
    .string()
    .regex(/^[A-Za-z0-9._@+-]{1,200}$/, 'letters, digits and . _ @ + -')
    .optional()
    .describe('Shown inside the message: `html` names it `cid:<this>`.'),
});

/** Fields a program may set itself; any `X-` field but `X-Mailrail-` beside them. What makes the envelope or the structure is not among them. */
const allowedFields = new Set(
  `auto-submitted comments feedback-id importance keywords list-archive list-help list-id list-owner list-post list-subscribe
  list-unsubscribe list-unsubscribe-post organization precedence priority sensitivity`.split(/\s+/),
);
const Fields = z.record(z.string().max(78), line(998)).superRefine((fields, context) => {
  const names = Object.keys(fields);
  if (names.length > 50) context.addIssue({ code: 'custom', message: 'more than 50 fields' });
  const seen = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    const message = !/^[A-Za-z0-9-]+$/.test(name)
      ? 'this is no field name'
      : seen.has(lower)
        ? 'the field stands here twice'
        : allowedFields.has(lower) || (lower.startsWith('x-') && !lower.startsWith('x-mailrail-'))
          ? undefined
          : 'this field cannot be set';
    seen.add(lower);
    if (message !== undefined) context.addIssue({ code: 'custom', path: [name], message });
  }
});

/** Body of `POST /v1/messages:compose`. */
export const ComposedMessage = z.strictObject({
  from: Mailbox.describe('Who wrote it: an address, `Name <address>` or `{ address, name }`; so everywhere.'),
  sender: Mailbox.optional().describe('Who sent it, where that is another.'),
  replyTo: Mailboxes.optional(),
  to: Mailboxes.default([]).describe('One or several.'),
  cc: Mailboxes.default([]),
  bcc: Mailboxes.default([]).describe('They get it, and nobody sees that.'),
  subject: line(1_000).default(''),
  text: z.string().default(''),
  html: z.string().optional(),
  attachments: z.array(Attachment).max(100).default([]),
  inReplyTo: z.string().regex(messageId, 'a Message-ID with its angle brackets').optional(),
  references: z
    .array(z.string().regex(messageId, 'a Message-ID with its angle brackets'))
    .max(50)
    .refine((ids) => ids.join(' ').length <= 3_900, 'at most 3,900 characters together')
    .optional(),
  headers: Fields.default({}).describe(`Other fields, each one line: ${[...allowedFields].join(', ')}, x-*.`),
  notify: NotifyWords.optional().describe('Which reports are wanted: `never`, or some of `success,failure,delay`.'),
  ret: z.enum(['full', 'hdrs']).optional(),
  envid: EnvelopeId.optional(),
});
export type ComposedMessage = z.output<typeof ComposedMessage>;
