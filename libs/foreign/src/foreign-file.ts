import { type Notify, oneLine } from '@mailrail/mail';

/** Why a file, a message in it, or a recipient is not taken. */
export type RejectCode =
  | 'unrecognised' // not this dialect at all
  | 'incomplete-timeout' // it ends in the middle
  | 'syntax'
  | 'envelope' // no sender or no recipient
  | 'charset'
  | 'count-mismatch'
  | 'attachment-missing'
  | 'attachment-path' // it names a place on a disk, or a name no file may have
  | 'too-large'
  | 'too-many-recipients'
  | 'nested-too-deep'
  | 'decode-bomb' // it would become far larger than it is
  | 'unsupported-type';

/** A refusal is a fact about the bytes, never an exception. */
export interface Reject {
  kind: 'reject';
  code: RejectCode;
  reason: string; // a sentence for whoever made the file; foreign text in it has passed `oneLine()`
  where?: string; // `line 12`, `To`
}

export function reject(code: RejectCode, reason: string, where?: string): Reject {
  return { kind: 'reject', code, reason, ...(where === undefined ? {} : { where }) };
}

/** Who a message in a file is for, as the file says. */
export interface EntryRecipient {
  address: string; // typed, and understood by its type
  notify?: Notify;
  orcpt?: string;
  where: string;
}

/** One message of a file: its envelope, and the bytes that are kept for the translator. */
export interface Entry {
  kind: 'message';
  sender: string | null; // typed
  recipients: EntryRecipient[]; // at least one
  unreadable: { text: string; where: string; reason: string }[]; // what stands where a recipient should, made safe
  envid?: string;
  ret?: 'full' | 'hdrs';
  helo?: string;
  bytes: Buffer;
}

/**
 * Why a message without a recipient is not taken.
 *
 * @param unreadable what stands where recipients should; the first of it is told.
 * @param why where nothing stands there: what is empty or missing.
 */
export function nobodyToSendTo(unreadable: Entry['unreadable'], why: string, where: string): Reject {
  const [first] = unreadable;
  if (first === undefined) return reject('envelope', `nobody to send it to: ${why}`, where);
  return reject('envelope', `no recipient is left: "${first.text}" ${oneLine(first.reason, 300)}`, first.where);
}

/** One message of a file that is not taken, while others may be. */
export interface BadEntry {
  kind: 'bad';
  reject: Reject;
  bytes: Buffer;
}

export interface FileRead {
  kind: 'read';
  /** In the order of the file; at least one. */
  entries: (Entry | BadEntry)[];
  notes: string[]; // for the log: what was odd and taken all the same
  /** Names of files in ATT_IN that belong to it, each a plain name. The bytes kept are then a bundle of all. */
  files?: string[];
}

export interface ReadLimits {
  recipientsPerMessage: number;
  messageBytes: number;
}

/** What the translator knows beside the bytes; the same always gives the same message. */
export interface TranslateContext {
  rootId: string;
  at: number; // milliseconds since the epoch: when the gateway took it
  hostname: string;
  /** A typed address as a mailbox that may stand in a header: itself, by the directory or a template, or encapsulated. */
  mailbox: (address: string) => string;
  /** Looks up what `mailbox` will be asked for; without it only what needs no directory is known. Rejects when nobody answers. */
  prepare?: (addresses: readonly string[]) => Promise<void>;
}

/** An Internet message, header block first, CRLF line ends, in pieces. */
export interface Translated {
  kind: 'message';
  parts: Buffer[];
}

/**
 * A format in which a foreign system writes mail into files. The gateway asks whether a file is complete and reads its envelopes; the
 * translator makes Internet messages of the bytes the gateway has kept. All of it is pure: no disk, clock or network.
 */
export interface FileDialect {
  readonly name: string;
  /** Its files may name others, which are kept with them. */
  readonly hasFilesBeside?: true;
  /** 3 its own magic, 2 its keywords, 0 not this dialect. */
  recognise(head: Buffer): 0 | 2 | 3;
  /**
   * Whether the file says itself that it is finished.
   *
   * @param tail its last bytes, up to 4 KB. @param whole `head` is the whole file.
   */
  isComplete(head: Buffer, tail: Buffer, whole: boolean): boolean;
  /** Takes a file apart. Bounded by the size of the file, which the caller bounds. */
  read(file: Buffer, limits: ReadLimits): FileRead | Reject;
  /**
   * What the foreign side is told when a file of its own was not taken: a file for OUT. Never about a report, so that two systems
   * cannot go on answering each other.
   *
   * @returns `undefined` when nobody is to be told.
   */
  answer?(file: Buffer, refused: { code: string; reason: string }): Buffer | undefined;
  /** @param bytes of one `Entry`; with `files` a bundle. */
  translate(bytes: Buffer, context: TranslateContext): Promise<Translated | Reject>;
}
