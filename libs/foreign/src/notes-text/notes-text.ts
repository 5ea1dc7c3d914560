import { oneLine } from '@mailrail/mail';
import { readAs, textOf } from '../code-page.ts';
import { compose } from '../compose.ts';
import { type BadEntry, type Entry, type FileDialect, type Reject, reject } from '../foreign-file.ts';
import { lineAt } from '../lines.ts';
import { type NotesDocument, notesComposition, notesEnvelope } from '../notes-document.ts';

const maxDocuments = 1_000;
const maxItems = 2_000;
const maxItemBytes = 65_536;
const formFeed = 0x0c;
/** Notes writes the character set of the workstation; on Windows in the West it is this one. */
const codePage = 'windows-1252';
const item = /^(\$?[A-Za-z_][A-Za-z0-9_$]{0,63}):(?:[ \t]+(.*))?$/s;

/** The structured text of a Notes export: `Name:  value` lines, documents parted by form feeds, the body last. */
export const notesText: FileDialect = {
  name: 'notes-text',
  recognise(head) {
    const text = head.toString('latin1', 0, 4_096);
    return /^\s*\$?[A-Za-z_]\w{0,63}:(?: {2}|\r?\n)/.test(text) && /^SendTo: {1,}/m.test(text) && /^(?:Form|From): {1,}/m.test(text)
      ? 2
      : 0;
  },
  // The format has no closing word.
  isComplete: (head, tail) => notesText.recognise(head) > 0 && /[\n\f]$/.test(tail.toString('latin1', Math.max(0, tail.length - 1))),
  read(file, { recipientsPerMessage }) {
    if (notesText.recognise(file.subarray(0, 4_096)) === 0) {
      return reject('unrecognised', 'this is no structured text of Notes: it has no Form or From and no SendTo', 'line 1');
    }
    const parts = documentsIn(file);
    if (parts === undefined) return reject('too-large', `more than ${maxDocuments} documents in one file`);
    const entries = parts.map((bytes): Entry | BadEntry => {
      const document = readDocument(bytes);
      const envelope = 'code' in document ? document : notesEnvelope(document, recipientsPerMessage);
      return 'code' in envelope ? { kind: 'bad', reject: envelope, bytes } : { kind: 'message', ...envelope, bytes };
    });
    return { kind: 'read', entries, notes: [] };
  },
  async translate(bytes, context) {
    const document = readDocument(bytes);
    if ('code' in document) return document;
    return compose(
      { ...notesComposition(document, 'notes-text', context.hostname), text: readAs(document.text, codePage), files: [] },
      context,
    );
  },
};

function documentsIn(file: Buffer): Buffer[] | undefined {
  const parts: Buffer[] = [];
  let from = 0;
  while (from < file.length) {
    const found = file.indexOf(formFeed, from);
    const end = found < 0 ? file.length : found;
    const part = file.subarray(from, end);
    if (/\S/.test(part.toString('latin1', 0, 4_096))) parts.push(part);
    if (parts.length > maxDocuments) return undefined;
    from = end + 1;
  }
  return parts;
}

function readDocument(bytes: Buffer): (NotesDocument & { text: Buffer }) | Reject {
  const items = new Map<string, { title: string; values: string[] }>();
  let last: { title: string; values: string[] } | undefined;
  for (let line = lineAt(bytes, 0, 1); line !== undefined; line = lineAt(bytes, line.next, line.number + 1)) {
    const where = `line ${line.number}`;
    const start = line.start;
    if (/^Body:/i.test(bytes.toString('latin1', start, start + 5))) {
      const blanks = /^[ \t]*/.exec(bytes.toString('latin1', start + 5, start + 100))?.[0].length ?? 0;
      return { form: items.get('form')?.values[0] ?? 'Memo', items, text: bytes.subarray(start + 5 + blanks) };
    }
    if (line.end - start > maxItemBytes) return reject('too-large', `an item is longer than ${maxItemBytes} bytes`, where);
    const text = textOf(bytes.subarray(start, line.end), codePage);
    if (text.trim() === '') continue;
    const [, title, value = ''] = item.exec(text) ?? [];
    if (title !== undefined) {
      last = items.get(title.toLowerCase()) ?? { title, values: [] };
      last.values.push(value.trim());
      items.set(title.toLowerCase(), last);
    } else if (last === undefined || !/^[ \t]/.test(text)) {
      return reject('syntax', `"${oneLine(text, 60)}" is no item with its name before ":"`, where);
    } else {
      last.values.push(text.trim()); // a long value goes on, indented
    }
    if (items.size > maxItems || (last?.values.length ?? 0) > maxItems) return reject('too-large', `more than ${maxItems} items`, where);
  }
  return reject('incomplete-timeout', 'the document ends before its Body:');
}
