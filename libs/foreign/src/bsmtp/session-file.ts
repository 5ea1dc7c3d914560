import { oneLine, smtpAddress } from '@mailrail/mail';
import { type ParameterRules, parseMail, parseRcpt } from '@mailrail/smtp';
import { type BadEntry, type Entry, type FileRead, nobodyToSendTo, type Reject, type ReadLimits, reject } from '../foreign-file.ts';
import { type Line, lineAt, unfitByte } from '../lines.ts';

/** What comes after `DATA`: offsets of the content in the file, and where the next command begins. */
export interface DataFound {
  start: number;
  end: number; // behind its last line end
  next: number;
  nextNumber: number;
}

/** How the two forms of a session in a file differ. */
export interface SessionForm {
  /** The word that begins the content, in capitals: `DATA`, or `DATA:`. */
  dataWord: string;
  /** @param line the first line of the content. @returns `undefined` when its end is missing. */
  findData(file: Buffer, line: number, start: number): DataFound | undefined;
  /** Lines that stand outside of the dialogue and mean nothing for the envelope. */
  ignores(line: string): boolean;
}

const maxCommandBytes = 2_048;
const maxTransactions = 1_000;
const harmless = new Set(['NOOP', 'VRFY', 'HELP', 'EXPN']);
/** These need somebody who answers, or change how the bytes that follow are read. */
const needsAnswer = new Set(['AUTH', 'STARTTLS', 'ETRN', 'TURN', 'ATRN']);
const verbs = new Set(['EHLO', 'HELO', 'LHLO', 'MAIL', 'RCPT', 'DATA', 'DATA:', 'RSET', 'QUIT', 'BDAT', ...harmless, ...needsAnswer]);

/** Whether a line begins as a session does. */
export function isVerb(line: string): boolean {
  return verbs.has(verbOf(line));
}

interface Transaction {
  start: number;
  sender: string | null;
  entry: Omit<Entry, 'kind' | 'bytes' | 'sender'>;
  fault: Reject | undefined;
  utf8: boolean;
}

/**
 * Reads the client's half of an SMTP session as a file, as if every reply had been positive (RFC 2442 §3). A bad recipient is left out,
 * a bad transaction is one `BadEntry`, and the ones around it are taken.
 */
export function readSession(file: Buffer, form: SessionForm, limits: ReadLimits): FileRead | Reject {
  const rules: ParameterRules = {
    extensions: new Set(['SIZE', '8BITMIME', 'SMTPUTF8', 'DSN', 'AUTH']),
    site: false, // what a file says of a peer site is anybody's word
    maxMessageBytes: limits.messageBytes,
  };
  const entries: (Entry | BadEntry)[] = [];
  const notes = new Set<string>();
  let helo: string | undefined;
  let open: Transaction | undefined;
  let quit = false;

  const close = (end: number, fault: Reject | undefined): void => {
    if (open === undefined) return;
    const { start, sender, entry } = open;
    const found = open.fault ?? fault;
    const bytes = file.subarray(start, end);
    open = undefined;
    entries.push(found === undefined ? { kind: 'message', sender, ...entry, bytes } : { kind: 'bad', reject: found, bytes });
  };
  const fail = (line: Line, why: Reject): void => {
    open ??= { start: line.start, sender: null, entry: { recipients: [], unreadable: [] }, fault: undefined, utf8: false };
    open.fault ??= why;
  };

  let line = lineAt(file, 0, 1);
  while (line !== undefined) {
    let next = line.next;
    let number = line.number + 1;
    const at: Line = line;
    const where = `line ${at.number}`;
    const text = file.toString('utf8', at.start, Math.min(at.end, at.start + maxCommandBytes));
    const verb = verbOf(text);
    if (text.trim() === '' || form.ignores(text)) {
      // Nothing is said here.
    } else if (quit) {
      fail(at, reject('syntax', 'there is more behind QUIT', where));
    } else if (at.end - at.start > maxCommandBytes) {
      fail(at, reject('syntax', `a command is longer than ${maxCommandBytes} bytes`, where));
    } else if (verb === form.dataWord && text.trim().length === verb.length) {
      const data = form.findData(file, number, next);
      if (open === undefined) fail(at, reject('envelope', 'content without MAIL before it', where));
      if (data === undefined) {
        close(file.length, reject('incomplete-timeout', 'the file ends in the middle of a message: its closing line is missing', where));
        next = file.length;
      } else {
        const unfit = unfitByte(file, data.start, data.end);
        const { recipients = [], unreadable = [] } = open?.entry ?? {};
        let fault: Reject | undefined;
        if (recipients.length === 0) fault = nobodyToSendTo(unreadable, 'there is no RCPT', where);
        else if (unfit >= 0)
          fault = reject('syntax', `a NUL or a carriage return alone at byte ${unfit}: this is not a text message`, where);
        close(data.next, fault);
        next = data.next;
        number = data.nextNumber;
      }
    } else {
      command(at, text, verb, where);
      if (verb === 'BDAT') next = file.length; // how long its content is cannot be trusted any more
      if (verb === 'BDAT') close(file.length, undefined);
    }
    line = lineAt(file, next, number);
    if (entries.length > maxTransactions) return reject('too-large', `more than ${maxTransactions} messages in one file`);
  }
  close(file.length, reject('incomplete-timeout', 'the file ends before the content of a message'));
  if (entries.length === 0) return reject('envelope', 'there is no message in this file: no MAIL command');
  return { kind: 'read', entries, notes: [...notes] };

  function command(at: Line, text: string, verb: string, where: string): void {
    switch (verb) {
      case 'EHLO':
      case 'HELO':
      case 'LHLO':
        helo = oneLine(text.slice(5)) || undefined;
        break;
      case 'MAIL': {
        close(at.start, reject('incomplete-timeout', 'a message without content: the next begins before its DATA', where));
        const parsed = parseMail(text.slice(5), rules);
        open = {
          start: at.start,
          sender: parsed.ok && parsed.value.sender !== null ? smtpAddress(parsed.value.sender) : null,
          entry: { recipients: [], unreadable: [], ...(helo === undefined ? {} : { helo }) },
          utf8: true,
          fault: parsed.ok ? undefined : reject('envelope', `MAIL is wrong: ${oneLine(parsed.reply.text)}`, where),
        };
        if (parsed.ok && parsed.value.envid !== undefined) open.entry.envid = parsed.value.envid;
        if (parsed.ok && parsed.value.ret !== undefined) open.entry.ret = parsed.value.ret;
        break;
      }
      case 'RCPT':
        if (open === undefined) fail(at, reject('envelope', 'RCPT without MAIL before it', where));
        else recipient(open, text, where);
        break;
      case 'RSET':
        open = undefined; // the client took it back: nothing was asked for
        break;
      case 'QUIT':
        close(at.start, reject('incomplete-timeout', 'QUIT before the content of a message', where));
        quit = true;
        break;
      default:
        if (harmless.has(verb)) notes.add(`ignored ${verb}`);
        else if (needsAnswer.has(verb) || verb === 'BDAT')
          fail(at, reject('syntax', `${verb} needs somebody who answers, and a file has nobody`, where));
        else fail(at, reject('syntax', `"${oneLine(text, 60)}" is no SMTP command`, where));
    }
  }

  function recipient(transaction: Transaction, text: string, where: string): void {
    const { entry } = transaction;
    if (entry.recipients.length + entry.unreadable.length >= limits.recipientsPerMessage) {
      transaction.fault ??= reject('too-many-recipients', `more than ${limits.recipientsPerMessage} recipients`, where);
      return;
    }
    const parsed = parseRcpt(text.slice(5), rules, transaction.utf8);
    if (!parsed.ok) {
      entry.unreadable.push({ text: oneLine(text.slice(5), 100), where, reason: oneLine(parsed.reply.text) });
      return;
    }
    const { mailbox, notify, orcpt } = parsed.value;
    entry.recipients.push({
      address: smtpAddress(mailbox),
      where,
      ...(notify === undefined ? {} : { notify }),
      ...(orcpt === undefined ? {} : { orcpt }),
    });
  }
}

function verbOf(line: string): string {
  return (/^[A-Za-z]+:?/.exec(line)?.[0] ?? '').toUpperCase().replace(/^(MAIL|RCPT):$/, '$1');
}
