import { type FileDialect, reject } from '../foreign-file.ts';
import { lastWord, lineAt } from '../lines.ts';
import { missingFields } from '../missing-fields.ts';
import { isVerb, readSession, type SessionForm } from './session-file.ts';

const dot = 0x2e;

const form: SessionForm = {
  dataWord: 'DATA',
  findData(file, number, start) {
    for (let line = lineAt(file, start, number); line !== undefined; line = lineAt(file, line.next, line.number + 1)) {
      if (line.end - line.start !== 1 || file[line.start] !== dot) continue;
      if (line.next === line.end) return undefined; // a dot without line end: its line may go on
      return { start, end: line.start, next: line.next, nextNumber: line.number + 1 };
    }
    return undefined;
  },
  ignores: () => false,
};

const noLimits = { recipientsPerMessage: Number.POSITIVE_INFINITY, messageBytes: Number.MAX_SAFE_INTEGER };

/**
 * Batch SMTP, RFC 2442: the client's half of a session as a file, any number of messages in it. The content is Internet mail and
 * passes byte for byte, but for the doubled dots, which belong to the transfer, and line ends, which become CRLF.
 */
export const bsmtp: FileDialect = {
  name: 'bsmtp',
  recognise(head) {
    const first = lineAt(head, 0, 1);
    const text = first === undefined ? '' : head.toString('latin1', 0, Math.min(first.end, 20));
    return isVerb(text) && firstDataWord(head) !== 'DATA:' ? 2 : 0;
  },
  isComplete: (_head, tail) => /^(?:QUIT|RSET|\.)$/i.test(lastWord(tail)) && /\n\s*$/.test(tail.subarray(-64).toString('latin1')),
  read(file, limits) {
    if (bsmtp.recognise(file.subarray(0, 65_536)) === 0) {
      return reject('unrecognised', 'this is no batch SMTP: it does not begin with an SMTP command', 'line 1');
    }
    return readSession(file, form, limits);
  },
  translate(bytes, context) {
    const read = readSession(bytes, form, noLimits);
    const [entry] = read.kind === 'read' ? read.entries : [];
    if (read.kind === 'reject' || entry === undefined) return Promise.resolve(reject('syntax', 'this is no transaction'));
    if (entry.kind === 'bad') return Promise.resolve(entry.reject);
    const content = contentOf(bytes);
    return Promise.resolve({ kind: 'message', parts: [Buffer.from(missingFields(content, context)), content] });
  },
};

/** The content of one transaction: dots undone, lines ended by CRLF. */
function contentOf(transaction: Buffer): Buffer {
  let line = lineAt(transaction, 0, 1);
  while (line !== undefined && !/^DATA\s*$/i.test(transaction.toString('latin1', line.start, Math.min(line.end, line.start + 80)))) {
    line = lineAt(transaction, line.next, line.number + 1);
  }
  let lines = 0;
  for (let at = transaction.indexOf(lineFeed); at >= 0; at = transaction.indexOf(lineFeed, at + 1)) lines += 1;
  const content = Buffer.allocUnsafe(transaction.length + lines); // at most one CR more a line
  let size = 0;
  for (line = lineAt(transaction, line?.next ?? 0, 1); line !== undefined; line = lineAt(transaction, line.next, 1)) {
    const dotted = transaction[line.start] === dot;
    if (dotted && line.end - line.start === 1) break;
    size += transaction.copy(content, size, dotted ? line.start + 1 : line.start, line.end);
    size += content.write('\r\n', size, 'latin1');
  }
  return content.subarray(0, size);
}

const lineFeed = 0x0a;

/** The word the first content of a session begins with, in capitals: it tells the two forms apart. */
export function firstDataWord(head: Buffer): string | undefined {
  for (let line = lineAt(head, 0, 1); line !== undefined; line = lineAt(head, line.next, line.number + 1)) {
    const word = /^DATA:?(?=\s*$)/i.exec(head.toString('latin1', line.start, Math.min(line.end, line.start + 80)))?.[0];
    if (word !== undefined) return word.toUpperCase();
  }
  return undefined;
}
