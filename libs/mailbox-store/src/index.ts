export { type MaildirMailboxStoreOptions, maildirMailboxStore } from './maildir-mailbox-store.ts';
export { type MemoryMailboxStore, memoryMailboxStore } from './memory-mailbox-store.ts';
export * from './port.ts';
