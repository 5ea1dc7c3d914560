import { z } from 'zod';

const MailAddress = z.string().max(600);

/** Query of `POST /v1/messages`. What is absent is read from the message's own header. */
export const MessageQuery = z.strictObject({
  from: MailAddress.optional().describe(
    'Reverse-path of the envelope: a mail address, or empty for the null reverse-path. Without it the address in Sender, else in From.',
  ),
  to: z
    .union([MailAddress, z.array(MailAddress).min(1)])
    .optional()
    .describe('Recipient of the envelope; repeat it for several. Without it all addresses in To, Cc and Bcc, and Bcc is removed.'),
});
export type MessageQuery = z.output<typeof MessageQuery>;

export const MessageAccepted = z.object({
  id: z.uuid().describe('Identity of the message on its whole way (UUIDv7).'),
  recipients: z.int().min(1).describe('Recipients it was accepted for; each is reached or reported on.'),
});
export type MessageAccepted = z.output<typeof MessageAccepted>;

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
