export { type LmtpLocation, parseLmtpLocation } from './lmtp-location.ts';
export { type LmtpMailboxStore, type LmtpMailboxStoreOptions, lmtpMailboxStore } from './lmtp-mailbox-store.ts';
export { type MaildirMailboxStoreOptions, maildirMailboxStore } from './maildir-mailbox-store.ts';
export { type MemoryMailboxStore, memoryMailboxStore } from './memory-mailbox-store.ts';
export * from './port.ts';
