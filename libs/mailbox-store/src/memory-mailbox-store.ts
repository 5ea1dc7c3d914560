import { contentMissing, type MailboxOutcome, type MailboxStore } from './port.ts';

/** Mailboxes in maps, for tests and for trying things out. */
export interface MemoryMailboxStore extends MailboxStore {
  /** Names of the copies in a mailbox, unseen ones first; each with its content's reference. */
  readonly in: (mailbox: string) => { name: string; ref: string; seen: boolean }[];
  /** What the owner's client does to an unseen copy. */
  readonly see: (mailbox: string, name: string) => void;
  /** Mailboxes that fail, each with its outcome; undefined as a key's value mends it. */
  readonly failing: Map<string, Extract<MailboxOutcome, { kind: 'transient' | 'permanent' }>>;
  /** References whose content is not there. */
  readonly missing: Set<string>;
}

export function memoryMailboxStore(): MemoryMailboxStore {
  const mailboxes = new Map<string, { unseen: Map<string, string>; seen: Map<string, string> }>();
  const failing: MemoryMailboxStore['failing'] = new Map();
  const missing = new Set<string>();

  const mailbox = (address: string) => {
    const found = mailboxes.get(address) ?? { unseen: new Map(), seen: new Map() };
    mailboxes.set(address, found);
    return found;
  };

  return {
    failing,
    missing,
    in(address) {
      const { unseen, seen } = mailbox(address);
      const list = (of: Map<string, string>, isSeen: boolean) => [...of].map(([name, ref]) => ({ name, ref, seen: isSeen }));
      return [...list(unseen, false), ...list(seen, true)];
    },
    see(address, name) {
      const { unseen, seen } = mailbox(address);
      seen.set(name, unseen.get(name) ?? '');
      unseen.delete(name);
    },
    async deliver({ ref }, copies, { repeat = false } = {}) {
      return copies.map(({ mailbox: address, name }): MailboxOutcome => {
        if (address === '') return { kind: 'permanent', reason: 'a mailbox without an address', status: '5.1.3' };
        const broken = failing.get(address);
        if (broken !== undefined) return broken;
        const { unseen, seen } = mailbox(address);
        if (unseen.has(name) || (repeat && seen.has(name))) return { kind: 'present' };
        if (missing.has(ref)) return { kind: 'transient', reason: contentMissing };
        unseen.set(name, ref);
        return { kind: 'delivered' };
      });
    },
    probe: async () => {},
  };
}
