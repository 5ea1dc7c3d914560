import type { Notify } from '@mailrail/mail';

/** Bytes on their way into a file: written in pieces, and read again from the beginning where a format wants sizes before bytes. */
export interface Spool {
  write(bytes: Uint8Array): Promise<void>;
  readonly sizeBytes: number;
  read(): AsyncIterable<Uint8Array>;
}

/** One mail for a foreign system. Addresses are typed, in the form that system has for them. */
export interface OutMessage {
  /** Derived from the mail and its recipients: letters and digits, so that a repeat makes the same files. */
  name: string;
  sender: string | null; // null for a report
  recipients: readonly { address: string; notify?: Notify | undefined; orcpt?: string | undefined }[];
  envid?: string | undefined;
  ret?: 'full' | 'hdrs' | undefined;
  body: '7bit' | '8bit' | 'binary';
  smtputf8: boolean;
  sizeBytes: number;
  acceptedAt: number; // milliseconds since the epoch
  hostname: string;
  postmaster: string; // typed
  /** The Internet message, from its first byte; may be asked for once. */
  open: () => AsyncIterable<Uint8Array>;
  /** Addresses of the header as that system knows them, keyed by the typed address given. Rejects when the directory does not answer. */
  known: (addresses: readonly string[]) => Promise<ReadonlyMap<string, string>>;
}

/** What is to lie in OUT, and beside it in ATT_OUT. Names are plain file names. */
export interface OutFiles {
  kind: 'files';
  main: Spool;
  parts: { name: string; spool: Spool }[];
  notes: string[]; // for the log: what could not be written as it was
}

/** A message this format cannot carry, whoever it is for (RFC 3463). */
export interface Unwritable {
  kind: 'unwritable';
  status: string;
  reason: string;
}

/** A format that messages for a foreign system are written in. Pure but for its spools: no disk, clock or network of its own. */
export interface FileWriter {
  name: string;
  extension: string; // of the file in OUT, dot included
  /** The type of addresses its system has; `SMTP` for formats of Internet mail. */
  addressType: 'SMTP' | 'GWISE' | 'MS';
  /** The foreign side is told which reports are wished for, and makes them (RFC 3461). */
  carriesWishes: boolean;
  write(message: OutMessage, spool: () => Promise<Spool>): Promise<OutFiles | Unwritable>;
}
