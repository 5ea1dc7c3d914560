import { type Reply, replies } from './reply.ts';
import type { Extension, MailCommand } from './server-types.ts';

/** What bounds the wishes of MAIL about when, how urgently and how safely a mail is to travel. */
export interface WishRules {
  extensions: ReadonlySet<Extension>;
  secure?: boolean; // inside TLS; default false
  maxHoldMs?: number; // default 0
  minDeliverBySeconds?: number; // default 1
  now?: () => number; // milliseconds since the epoch; default the system's clock
}

/**
 * Takes HOLDFOR, HOLDUNTIL (RFC 4865), MT-PRIORITY (RFC 6710), BY (RFC 2852) and REQUIRETLS (RFC 8689).
 *
 * @returns the reply that refuses the parameter, undefined when it was taken, `other` when it is none of these.
 */
export function takeWish(mail: MailCommand, keyword: string, value: string | undefined, rules: WishRules): Reply | undefined | 'other' {
  const { extensions, secure = false, maxHoldMs = 0, minDeliverBySeconds = 1 } = rules;
  switch (keyword) {
    case 'HOLDFOR':
    case 'HOLDUNTIL': {
      if (!extensions.has('FUTURERELEASE')) return replies.unknownParameter;
      const now = (rules.now ?? Date.now)();
      const until = keyword === 'HOLDFOR' ? holdFor(value, now) : holdUntil(value);
      if (until === undefined || mail.holdUntil !== undefined) return replies.badArguments; // one of the two, once
      if (until < now || until > now + maxHoldMs) return replies.badHold;
      mail.holdUntil = until;
      return undefined;
    }
    case 'MT-PRIORITY':
      if (!extensions.has('MT-PRIORITY')) return replies.unknownParameter;
      if (value === undefined || !/^(?:-?[1-9]|0)$/.test(value)) return replies.badArguments;
      mail.priority = Number(value);
      return undefined;
    case 'BY': {
      if (!extensions.has('DELIVERBY')) return replies.unknownParameter;
      const found = /^([+-]?\d{1,9});([NR])(T?)$/i.exec(value ?? '');
      if (found === null) return replies.badArguments;
      const seconds = Number(found[1]);
      const mode = found[2]?.toUpperCase() === 'R' ? 'return' : 'notify';
      if (mode === 'return' && seconds <= 0) return replies.badArguments; // RFC 2852 §4
      if (mode === 'return' && seconds < minDeliverBySeconds) return replies.tooSoon;
      mail.deliverBy = { seconds, mode, trace: found[3] !== '' };
      return undefined;
    }
    case 'REQUIRETLS':
      if (!extensions.has('REQUIRETLS') || !secure) return replies.unknownParameter;
      if (value !== undefined) return replies.badArguments;
      mail.requireTls = true;
      return undefined;
    default:
      return 'other';
  }
}

/** @returns milliseconds since the epoch, undefined for what is no number of seconds. */
function holdFor(value: string | undefined, now: number): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? now + Number(value) * 1_000 : undefined;
}

/** RFC 3339 §5.6, `2026-12-01T08:00:00Z`; an offset other than Z is as good. */
function holdUntil(value: string | undefined): number | undefined {
  const text = value?.toUpperCase() ?? '';
  const found = /^(\d{4}-\d{2}-\d{2}T(?!24)\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (found === null) return undefined;
  // The 30th of February would be read as a day of March.
  const written = Date.parse(`${found[1] ?? ''}Z`);
  if (Number.isNaN(written) || new Date(written).toISOString().slice(0, 19) !== found[1]) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
