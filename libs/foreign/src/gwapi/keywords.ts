import { oneLine } from '@mailrail/mail';
import { type Reject, reject } from '../foreign-file.ts';

/** One item of a list: `WPD= ACME; WPPO= PO1; WPU= BKo;`, or a bare word. */
export interface KeywordItem {
  fields: ReadonlyMap<string, string>; // keys in lower case
  bare: string;
}

export type KeywordValue = { kind: 'text'; text: string } | { kind: 'items'; items: KeywordItem[] };

export interface KeywordFile {
  kind: 'keywords';
  /** In the order of the file, keys in lower case; of a key that comes twice both. */
  values: { key: string; title: string; value: KeywordValue; line: number }[];
  notes: string[];
}

/** Keywords whose value is a list of items with keywords of their own. */
const lists = new Set(['from', 'to', 'cc', 'bc', 'all-to', 'all-cc', 'attach-file']);
const maxValues = 5_000;
const maxItems = 20_000;

/**
 * Reads a keyword file: `Keyword= value;` in free layout, list items ended by `,` and the last by `;`, flags `-FLAG-;`, `\;` for a
 * semicolon, lines beginning with `#` for people, `-END-` at the end. One pass, no going back.
 */
export function readKeywords(text: string): KeywordFile | Reject {
  let at = 0;
  let line = 1;
  let items = 0;
  const values: KeywordFile['values'] = [];
  const notes = new Set<string>();

  const step = (): void => {
    if (text[at] === '\n') line += 1;
    at += 1;
  };
  const skip = (): void => {
    for (;;) {
      while (at < text.length && /\s/.test(text[at] ?? '')) step();
      const isComment = text[at] === '#' && (at === 0 || text[at - 1] === '\n' || text[at - 1] === '\r');
      if (!isComment) return;
      while (at < text.length && text[at] !== '\n') at += 1;
    }
  };
  /** Text up to one of the characters, which is not taken; a backslash keeps the next character. */
  const until = (ends: string): string => {
    let taken = '';
    while (at < text.length && !ends.includes(text[at] ?? '')) {
      if (text[at] === '\\' && /[;,\\]/.test(text[at + 1] ?? '')) step();
      taken += text[at] ?? '';
      step();
    }
    return taken.trim();
  };
  const flag = (): string | undefined => /^-[A-Z][A-Z-]{0,40}-(?=\s*[;,])/i.exec(text.slice(at, at + 60))?.[0];

  function list(): KeywordItem[] | Reject {
    const found: KeywordItem[] = [];
    let fields = new Map<string, string>();
    let bare = '';
    const close = (): void => {
      if (fields.size > 0 || bare !== '') found.push({ fields, bare });
      fields = new Map();
      bare = '';
      items += 1;
    };
    for (;;) {
      skip();
      if (at >= text.length) return reject('syntax', 'a list has no end: its last ";" is missing', `line ${line}`);
      if (items > maxItems) return reject('too-large', `more than ${maxItems} items`, `line ${line}`);
      const word = flag();
      if (word !== undefined) {
        at += word.length;
        skip();
        // GroupWise 4 itself ends a flag with a comma where a semicolon belongs.
        if (text[at] === ',') notes.add('comma-behind-flag');
        fields.set(word.toLowerCase(), '');
        step();
      } else if (text[at] === ';') {
        step();
        close();
        return found;
      } else if (text[at] === ',') {
        step();
        close();
      } else {
        const before = until('=;,');
        if (text[at] !== '=') {
          bare = before;
          // A bare word ends its item: with a comma before the next, with a semicolon for good.
          if (text[at] === ';') {
            step();
            close();
            return found;
          }
          continue;
        }
        step();
        const key = before.toLowerCase();
        if (fields.has(key)) close(); // the comma before it was a flag's
        fields.set(key, until(';'));
        step();
      }
    }
  }

  for (;;) {
    skip();
    if (at >= text.length) return reject('incomplete-timeout', 'the line -END- is missing', `line ${line}`);
    if (/^-END-/i.test(text.slice(at, at + 5))) return { kind: 'keywords', values, notes: [...notes] };
    if (values.length > maxValues) return reject('too-large', `more than ${maxValues} keywords`);
    const start = line;
    const word = flag();
    if (word !== undefined) {
      at += word.length;
      skip();
      step();
      values.push({ key: word.toLowerCase(), title: word, value: { kind: 'text', text: '' }, line: start });
      continue;
    }
    const title = until('=;');
    if (text[at] !== '=' || !/^[A-Za-z][A-Za-z0-9 -]{0,63}$/.test(title)) {
      return reject('syntax', `"${oneLine(title, 60)}" is no keyword with "=" behind it`, `line ${start}`);
    }
    step();
    const key = title.toLowerCase();
    if (!lists.has(key)) {
      const value = until(';');
      if (at >= text.length) return reject('syntax', `the value of ${title} has no ";"`, `line ${start}`);
      step();
      values.push({ key, title, value: { kind: 'text', text: value }, line: start });
      continue;
    }
    const found = list();
    if ('kind' in found) return found;
    values.push({ key, title, value: { kind: 'items', items: found }, line: start });
  }
}
