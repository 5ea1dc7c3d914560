import { sendgridKey } from '@mailrail/foreign';
import { Duration, Size } from '@mailrail/organization';
import { parse } from 'yaml';
import { z } from 'zod';

const Name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower-case letters, digits and hyphens, at most 32 characters');

export const Scope = z.union([z.enum(['send', 'read']), z.templateLiteral(['webhook:', Name])]);
export type Scope = z.output<typeof Scope>;

const ApiKey = z.strictObject({
  name: Name,
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'the SHA-256 of the key, 64 hex digits')
    .transform((hex) => hex.toLowerCase()),
  scopes: z.array(Scope).min(1).max(50),
  /** `ada@corp.example` or `@corp.example`; without it any. */
  senders: z
    .array(z.string().regex(/^[^@\s]*@[^@\s]+$/, 'an address, or a domain with @ before it'))
    .min(1)
    .max(1_000)
    .optional(),
  limits: z
    .strictObject({
      mails: z.int().min(1).optional(),
      recipients: z.int().min(1).optional(),
      bytes: Size.optional(),
      per: Duration.refine((ms) => ms >= 1_000 && ms <= 86_400_000, 'from 1s to 1d'),
    })
    .optional(),
});
export type ApiKey = z.output<typeof ApiKey>;

const webhook = {
  name: Name,
  /** Who gets the mail, where the provider's own addresses are not of the organization. */
  deliverTo: z
    .array(z.string().regex(/^[^@\s]+@[^@\s]+$/, 'an address'))
    .min(1)
    .max(100)
    .optional(),
};
/** How far the time of a signature may be from now. */
const window = (text: string) => Duration.refine((ms) => ms >= 1_000 && ms <= 43_200_000, 'from 1s to 12h').prefault(text);

const Webhook = z.discriminatedUnion('kind', [
  z.strictObject({ ...webhook, kind: z.literal('mailgun'), signingKey: z.string().min(16).max(200), window: window('5m') }),
  /** Without `publicKey` an API key with the scope of the webhook is the password in its address. */
  z.strictObject({
    ...webhook,
    kind: z.literal('sendgrid'),
    publicKey: z
      .string()
      .max(1_000)
      .refine((text) => sendgridKey(text) !== undefined, 'the verification key, as SendGrid shows it')
      .optional(),
    window: window('5m'),
  }),
  z.strictObject({ ...webhook, kind: z.literal('postmark') }),
  /** SNS sends again for an hour what was not taken, and signs it once. */
  z.strictObject({
    ...webhook,
    kind: z.literal('ses'),
    topics: z
      .array(z.string().regex(/^arn:aws(?:-[a-z-]+)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/, 'the ARN of an SNS topic'))
      .min(1),
    window: window('70m'),
  }),
]);
export type Webhook = z.output<typeof Webhook>;

/** Who may use the HTTP API: a file of its own, since parts of it are secret. */
export const AccessFile = z
  .strictObject({
    keys: z.array(ApiKey).max(1_000).default([]),
    webhooks: z.array(Webhook).max(100).default([]),
  })
  .superRefine(({ keys, webhooks }, context) => {
    const hooks = new Set<string>();
    for (const [at, { name }] of webhooks.entries()) {
      if (hooks.has(name)) context.addIssue({ code: 'custom', path: ['webhooks', at, 'name'], message: 'two webhooks have it' });
      hooks.add(name);
    }
    const seen = new Set<string>();
    for (const [at, { name, sha256 }] of keys.entries()) {
      for (const [field, value] of [
        ['name', name],
        ['sha256', sha256],
      ] as const) {
        if (seen.has(value)) context.addIssue({ code: 'custom', path: ['keys', at, field], message: 'two keys have it' });
        seen.add(value);
      }
    }
  });
export type AccessFile = z.output<typeof AccessFile>;

/** @throws Error naming every mistake at once; values of the file are not repeated in it. */
export function parseAccessFile(text: string): AccessFile {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new Error(`no YAML: ${error instanceof Error ? error.message.split('\n', 1)[0] : ''}`);
  }
  const parsed = AccessFile.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  throw new Error(z.prettifyError(parsed.error));
}
