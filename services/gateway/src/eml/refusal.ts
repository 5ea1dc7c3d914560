/** Why bytes are not taken as a mail: the classes of a folder's report, and what an HTTP answer is made from. */
export type RefusalCode =
  | 'unrecognised' // no Internet message at all
  | 'incomplete-timeout' // never finished
  | 'syntax' // damaged bytes: NUL, lone CR, a header that is none
  | 'envelope' // no sender or no recipient
  | 'too-large'
  | 'too-many-recipients'
  | 'nested-too-deep'
  | 'unsupported-type' // not a plain file, or no mail in it
  | 'charset'
  | 'count-mismatch'
  | 'attachment-missing'
  | 'attachment-path'
  | 'auth'; // may not send there (S1)

/**
 * The message itself is at fault: the same bytes will never be taken. `message` is a sentence for the person who made it;
 * foreign text in it has passed `oneLine()`.
 */
export class MessageRefused extends Error {
  readonly code: RefusalCode;
  /** Where in the message: `From`, `byte 1234`, `line 3`. */
  readonly where: string | undefined;
  constructor(code: RefusalCode, message: string, where?: string) {
    super(message);
    this.name = 'MessageRefused';
    this.code = code;
    this.where = where;
  }
}
