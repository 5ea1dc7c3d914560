import type { MailboxCopy, MailboxOutcome } from './port.ts';

/**
 * Copies that this process has delivered, or is delivering, for a server that cannot be asked what it has. Bounded: the oldest are
 * forgotten. What other processes did is the ledger's to know.
 */
export interface DeliveredCopies {
  /** @returns `mine` to deliver, with what must be told when it is over; else the outcome that another delivery of it comes to. */
  claim(copy: MailboxCopy): { mine: (outcome: MailboxOutcome) => void } | { theirs: Promise<MailboxOutcome> };
}

export function deliveredCopies(maxKnown: number): DeliveredCopies {
  const known = new Map<string, Promise<MailboxOutcome> | 'delivered'>();
  const present: MailboxOutcome = { kind: 'present' };
  return {
    claim({ mailbox, name }) {
      const key = `${mailbox}\0${name}`;
      const before = known.get(key);
      if (before === 'delivered') return { theirs: Promise.resolve(present) };
      if (before !== undefined) return { theirs: before.then((outcome) => (outcome.kind === 'delivered' ? present : outcome)) };
      const { promise, resolve } = Promise.withResolvers<MailboxOutcome>();
      known.set(key, promise);
      return {
        mine(outcome) {
          known.delete(key);
          if (outcome.kind === 'delivered') {
            known.set(key, 'delivered');
            if (known.size > maxKnown) known.delete(known.keys().next().value ?? '');
          }
          resolve(outcome);
        },
      };
    },
  };
}
