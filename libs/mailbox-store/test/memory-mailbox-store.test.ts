import { memoryMailboxStore } from '../src/index.ts';
import { mailboxStoreSuite } from './mailbox-store-suite.ts';

mailboxStoreSuite('in memory', () => {
  const store = memoryMailboxStore();
  const texts = new Map<string, string>();
  return {
    store,
    async keep(text) {
      const ref = `content-${texts.size}`;
      texts.set(ref, text);
      return { ref, sizeBytes: text.length };
    },
    lose: ({ ref }) => void store.missing.add(ref),
    in: (mailbox) =>
      store
        .in(mailbox)
        .map(({ name, ref, seen }) => `${name}${seen ? ' (seen)' : ''}: ${texts.get(ref)}`)
        .sort(),
    see: (mailbox, name) => store.see(mailbox, name),
    breakMailbox: (mailbox) => void store.failing.set(mailbox, { kind: 'transient', reason: 'mailbox folder: ENOSPC' }),
    mend: (mailbox) => void store.failing.delete(mailbox),
  };
});
