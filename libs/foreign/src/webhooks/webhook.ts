import type { Composition } from '../compose.ts';
import type { Reject } from '../foreign-file.ts';
import type { Form } from './form.ts';

/** A request of a provider that posts mail, as it came. */
export interface WebhookRequest {
  /** The one value of a header, by its name in lower case; joined when it stood there twice. */
  header: (name: string) => string | undefined;
  body: Buffer;
  form: Form | undefined; // of a body that is one
}

/** One mail of a provider: its envelope and its content. */
export interface WebhookMail {
  kind: 'mail';
  /** The same for every repeat of the same mail, whatever else the provider changes between its attempts. */
  id: string;
  sender: string | null; // a mailbox
  recipients: string[]; // mailboxes, at least one
  content: { kind: 'raw'; bytes: Buffer } | { kind: 'parsed'; composition: Composition };
}

/** A request that brings no mail and is well: a test of the provider, news of something else. */
export interface NoMail {
  kind: 'no-mail';
  reason: string;
}

/** Whether a request is from who it says. `once`: what it may be used for once, since the signature does not cover the body. */
export type Verdict = { ok: true; once?: string } | { ok: false; code: 'signature' | 'timestamp'; reason: string };

/** How a provider posts mail, RFC-less: by its documentation. Pure, bounded by the size of the request, never throws. */
export interface WebhookDialect {
  readonly name: string;
  /** Media types of its requests, in lower case. */
  readonly types: readonly string[];
  read(request: WebhookRequest): WebhookMail | NoMail | Reject;
}

/** Whether a time stands so near that the request is no replay. @param atMs when it was signed. */
export function isFresh(atMs: number, nowMs: number, windowMs: number): boolean {
  return Math.abs(nowMs - atMs) <= windowMs;
}
