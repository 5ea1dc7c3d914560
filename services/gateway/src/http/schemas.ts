import { parseNotify } from '@mailrail/mail';
import { z } from 'zod';
import { isPlain } from '../eml/path-parameters.ts';

const MailAddress = z.string().max(600);

const Recipient = z.string().max(1_200);
/** `never`, or `success,failure,delay` in any part and letter case. */
export const NotifyWords = z
  .string()
  .max(40)
  .transform((text, context) => {
    const notify = parseNotify(text);
    if (notify !== undefined) return notify;
    context.addIssue({ code: 'custom', message: 'never, or some of success, failure and delay with commas between them' });
    return z.NEVER;
  });
export const EnvelopeId = z
  .string()
  .max(100)
  .refine((text) => isPlain(text, 100), 'at most 100 characters and no controls');

/** Query of `POST /v1/messages`. What is absent is read from the message's own header. */
export const MessageQuery = z.strictObject({
  from: MailAddress.optional().describe(
    'Reverse-path of the envelope: a mail address, or empty for the null reverse-path. Without it the address in Sender, else in From.',
  ),
  to: z
    .union([Recipient, z.array(Recipient).min(1)])
    .optional()
    .describe(
      'Recipient of the envelope; repeat it for several. With its own wishes: `<ben@corp.example> NOTIFY=SUCCESS ORCPT=rfc822;ben@corp.example`. Without it all addresses in To, Cc and Bcc, and Bcc is removed.',
    ),
  notify: NotifyWords.optional().describe(
    'Which reports the sender wants of recipients that have no NOTIFY of their own (RFC 3461 §4.1): `never`, or some of `success,failure,delay`.',
  ),
  ret: z.enum(['full', 'hdrs']).optional().describe('What a report carries of the message (RFC 3461 §4.3).'),
  envid: EnvelopeId.optional().describe('The sender’s own name for the message, returned in reports (RFC 3461 §4.4).'),
  smtputf8: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'Whether the message may need internationalized mail (RFC 6531) on its way. Default true: it is asked for where an address or header is beyond ASCII. With false such an address is refused.',
    ),
});
export type MessageQuery = z.output<typeof MessageQuery>;

/** The same words as headers of the request, for clients that cannot write them into an address: `Mailrail-To: ben@corp.example`. */
export const envelopeHeader = (word: string): string => `Mailrail-${word.charAt(0).toUpperCase()}${word.slice(1)}`;

export const MessageAccepted = z.object({
  id: z.uuid().describe('Identity of the message on its whole way (UUIDv7).'),
  recipients: z.int().min(1).describe('Recipients it was accepted for; each is reached or reported on.'),
});
export type MessageAccepted = z.output<typeof MessageAccepted>;

export const MessageStatus = z.object({
  id: z.uuid(),
  acceptedAt: z.iso.datetime(),
  sizeBytes: z.int().describe('Of the stored form.'),
  recipients: z.int().min(1),
  state: z.enum(['under-way', 'ended']).describe('`ended` when every recipient has come to its end.'),
  to: z
    .array(
      z.object({
        address: z.string(),
        state: z
          .enum(['accepted', 'delivered', 'handed-over', 'failed'])
          .describe(
            '`accepted`: on its way, or a group, whose members are reported on by mail alone. `handed-over`: another server took it.',
          ),
        status: z.string().optional().describe('RFC 3463.'),
        detail: z.string().optional().describe('The answer of the other server, or why it failed.'),
      }),
    )
    .describe('As they were given; the first 100.'),
});
export type MessageStatus = z.output<typeof MessageStatus>;

export const WebhookAnswer = z.union([MessageAccepted, z.object({ ignored: z.string().describe('Why there was nothing to take.') })]);
export type WebhookAnswer = z.output<typeof WebhookAnswer>;

/** RFC 9457. */
export const Problem = z.object({
  type: z.string().describe('Kind of problem; `about:blank` says that the status tells it all.'),
  title: z.string().describe('The status in words.'),
  status: z.int(),
  detail: z.string().describe('What is wrong here, in a sentence.'),
  code: z.string().describe('The same in a word, for programs.'),
  errors: z
    .array(
      z.object({
        detail: z.string(),
        pointer: z.string().describe('Where: `/query/to/1`, `/header/From`, `/body`.'),
      }),
    )
    .optional(),
});
export type Problem = z.output<typeof Problem>;
