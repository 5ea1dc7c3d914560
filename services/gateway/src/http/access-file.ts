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

/** Who may use the HTTP API: a file of its own, since parts of it are secret. */
export const AccessFile = z
  .strictObject({
    keys: z.array(ApiKey).max(1_000).default([]),
  })
  .superRefine(({ keys }, context) => {
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
