import type { Envelope, Recipient, RoutedMail } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import { addressKey, oneLine } from '@mailrail/mail';

/** A mail whose recipients share a next hop. */
export type OutgoingMail = Envelope & { destination: string; contentForm?: RoutedMail['contentForm'] };

/** What the remote said to one recipient, as the ledger keeps it for a repeat (R2). */
export type Settled =
  | { kind: 'accepted'; code: number; status: string; reply: string; mta: string; dsn: boolean }
  | { kind: 'refused'; code: number; status: string; reason: string; reply: string | undefined; mta: string | undefined };

/** An outcome in the ledger, and whose it was: two recipients of one mail may come to share a next-hop address. */
export interface Kept {
  settled: Settled;
  recipientId: string;
}

export interface Claimed {
  /** Recipients to hand over now. */
  open: Recipient[];
  /** Recipients that an earlier run settled, with what it was told then. */
  settled: { recipient: Recipient; kept: Kept }[];
  /** Recipients another consumer is handing over (R10). */
  held: Recipient[];
  /** The ledger did not answer for some of the open ones: a duplicate may come about (R4). */
  silent: number;
}

/** R2: (rootId, hop, next-hop address). Never the mailId: it differs between repeats that a changed directory split otherwise. */
export function effectKey(mail: Pick<Envelope, 'rootId' | 'hop'>, recipient: Recipient): string {
  return `h:${mail.rootId}:${mail.hop}:${addressKey(recipient.address)}`;
}

/** Offers every recipient (R10) and tells them apart by what the ledger knows. Calls go out together. */
export async function claim(ledger: Ledger, mail: Envelope, recipients: readonly Recipient[], untilMs: number): Promise<Claimed> {
  const claimed: Claimed = { open: [], settled: [], held: [], silent: 0 };
  const offers = await Promise.all(recipients.map((recipient) => ledger.offer(effectKey(mail, recipient), mail.copyId, untilMs)));
  for (const [at, recipient] of recipients.entries()) {
    const offer = offers[at] ?? { kind: 'silent' };
    switch (offer.kind) {
      case 'held':
        claimed.held.push(recipient);
        break;
      case 'done':
        claimed.settled.push({ recipient, kept: decode(offer.outcome) });
        break;
      case 'silent':
        claimed.silent += 1;
        claimed.open.push(recipient);
        break;
      case 'offered':
        claimed.open.push(recipient);
    }
  }
  return claimed;
}

/**
 * How many recipients an earlier run of this very copy had offered and not settled: it died, or lost its channel, on the way.
 * Only a redelivery can have such.
 */
export async function interrupted(ledger: Ledger, mail: Envelope): Promise<number> {
  const effects = await ledger.effects(mail.recipients.map((recipient) => effectKey(mail, recipient)));
  if (effects === 'silent') return 0;
  return effects.filter((effect) => effect?.kind === 'offered' && effect.copyId === mail.copyId).length;
}

/** The compact form in the ledger. Everything foreign in it is one bounded line already. */
export function encode(settled: Settled, recipientId: string): string {
  const { code, status } = settled;
  return settled.kind === 'accepted'
    ? JSON.stringify(['a', recipientId, code, status, settled.reply, settled.mta, settled.dsn ? 1 : 0])
    : JSON.stringify(['r', recipientId, code, status, settled.reason, settled.reply ?? null, settled.mta ?? null]);
}

/** What `encode` wrote. An entry nobody can read still says that the effect happened: it is taken as accepted. */
export function decode(text: string): Kept {
  try {
    const fields: unknown = JSON.parse(text);
    if (Array.isArray(fields)) {
      const [kind, recipientId, code, status, words, reply, mta]: unknown[] = fields;
      if (typeof recipientId === 'string' && typeof code === 'number' && typeof status === 'string' && typeof words === 'string') {
        if (kind === 'a' && typeof reply === 'string') {
          return { recipientId, settled: { kind: 'accepted', code, status, reply: words, mta: reply, dsn: mta === 1 } };
        }
        if (kind === 'r')
          return { recipientId, settled: { kind: 'refused', code, status, reason: words, reply: stringOf(reply), mta: stringOf(mta) } };
      }
    }
  } catch {
    // falls through: the text is foreign to this version
  }
  return { recipientId: '', settled: { kind: 'accepted', code: 250, status: '2.0.0', reply: oneLine(text), mta: 'unknown', dsn: true } };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
