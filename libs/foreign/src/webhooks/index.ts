import { mailgun } from './mailgun/mailgun.ts';
import { postmark } from './postmark/postmark.ts';
import { sendgrid } from './sendgrid/sendgrid.ts';
import { ses } from './ses/ses.ts';
import type { WebhookDialect } from './webhook.ts';

/** Every provider whose posts are understood, by the name a webhook of the access file has as its kind. */
export const webhookDialects = { mailgun, sendgrid, postmark, ses } as const satisfies Record<string, WebhookDialect>;
export type WebhookKind = keyof typeof webhookDialects;

export { readForm } from './form.ts';
export { verifyMailgun } from './mailgun/mailgun.ts';
export { sendgridKey, verifySendgrid } from './sendgrid/sendgrid.ts';
export { readSns, type SnsMessage, verifySns } from './ses/sns.ts';
export * from './webhook.ts';
