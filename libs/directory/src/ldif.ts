import { isUtf8 } from 'node:buffer';

/** A value as text, or as bytes when it is no UTF-8 or its attribute is a binary one. */
export type AttributeValue = string | Buffer;

/** Attributes of an entry by name in lower case, without options. */
export type Attributes = ReadonlyMap<string, readonly AttributeValue[]>;

export interface LdifRecord {
  dn: string;
  line: number; // of its `dn:`
  attributes: Attributes;
}

export interface LdifError {
  line: number;
  message: string; // never a value: what stands in a directory is personal
}

export interface LdifReader {
  /** Takes the next piece of the text; it may end anywhere. */
  write(text: string): void;
  /** Ends the text. @returns every error found, at most 100. */
  end(): readonly LdifError[];
}

const maxErrors = 100;
const maxLineLength = 8_000_000;
const attributeName = /^([A-Za-z][A-Za-z0-9.-]*|\d+(?:\.\d+)*)((?:;[A-Za-z0-9=-]+)*)$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/**
 * Reads LDIF (RFC 2849) as it comes: folded lines, comments, `version:`, base64 values, CRLF or LF. Text outside ASCII is taken
 * as UTF-8 although the format wants base64 for it. Only entries are read: change records other than `changetype: add` are
 * errors, and so are values by URL (`:<`), since a directory file must not make us read other files.
 *
 * @param options `onRecord` gets each entry that has no error; `binary` names attributes (lower case) whose values stay bytes.
 */
export function ldifReader(options: { onRecord: (record: LdifRecord) => void; binary?: ReadonlySet<string> }): LdifReader {
  const { onRecord, binary = new Set<string>() } = options;
  const errors: LdifError[] = [];
  let rest = '';
  let lineNumber = 0;
  let begun = false; // any line of content was seen
  let line: { parts: string[]; length: number; at: number } | undefined;
  let record: { dn: string; line: number; attributes: Map<string, AttributeValue[]>; broken: boolean } | undefined;
  let skipping = false; // to the next blank line, after a record that did not begin well

  const say = (at: number, message: string) => {
    if (errors.length < maxErrors) errors.push({ line: at, message });
  };
  const fail = (at: number, message: string) => {
    say(at, message);
    if (record === undefined) skipping = true;
    else record.broken = true;
  };

  const endOfRecord = () => {
    if (record !== undefined && !record.broken) onRecord(record);
    record = undefined;
    skipping = false;
  };

  /** A line of content, unfolded. */
  const content = (text: string, at: number) => {
    if (skipping) return;
    const colon = text.indexOf(':');
    const [, written = '', attributeOptions = ''] = attributeName.exec(colon < 0 ? '' : text.slice(0, colon)) ?? [];
    if (written === '') {
      fail(at, text === '-' ? 'belongs to a change record; this file must hold entries' : 'is no `attribute: value`');
      return;
    }
    const name = written.toLowerCase();
    const marker = text[colon + 1];
    if (marker === '<') {
      fail(at, `${written} is given by URL, which is not allowed here`);
      return;
    }
    const value = marker === ':' ? decode(text.slice(colon + 2), name, binary) : text.slice(colon + 1).replace(/^ +/, '');
    if (value === undefined) {
      fail(at, `${written} is no valid base64`);
      return;
    }
    if (name === 'version' && !begun) {
      begun = true;
      if (value !== '1') say(at, 'only version 1 of the format is known');
      return;
    }
    begun = true;
    if (record === undefined) {
      if (name !== 'dn') fail(at, 'an entry begins with `dn:`');
      else if (typeof value !== 'string') fail(at, 'dn is no UTF-8');
      else record = { dn: value, line: at, attributes: new Map(), broken: false };
      return;
    }
    if (name === 'changetype') {
      if (value !== 'add') fail(at, 'is a change record; this file must hold entries');
      return;
    }
    if (name === 'dn') {
      fail(at, 'a second `dn:` without a blank line before it');
      return;
    }
    // A language or another option makes it another attribute; `;binary` and a range only say how the value is written.
    const known = attributeOptions.replace(/;(binary|range=[^;]*)/gi, '').toLowerCase();
    const key = name + known;
    const values = record.attributes.get(key);
    if (values === undefined) record.attributes.set(key, [value]);
    else values.push(value);
  };

  const endOfLine = () => {
    if (line === undefined) return;
    const { parts, at, length } = line;
    line = undefined;
    if (length > maxLineLength) {
      fail(at, `is longer than ${maxLineLength} characters`);
      return;
    }
    const text = parts.length === 1 ? (parts[0] ?? '') : parts.join('');
    if (!text.startsWith('#')) content(text, at);
  };

  const physical = (raw: string) => {
    lineNumber += 1;
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (text.startsWith(' ')) {
      if (line === undefined) {
        fail(lineNumber, 'continues a line that does not exist');
        return;
      }
      line.length += text.length - 1;
      if (line.length <= maxLineLength) line.parts.push(text.slice(1));
      return;
    }
    endOfLine();
    if (text === '') endOfRecord();
    else line = { parts: [text], length: text.length, at: lineNumber };
  };

  return {
    write(text) {
      let from = 0;
      let end = text.indexOf('\n');
      if (end < 0) {
        rest += text;
        if (rest.length > maxLineLength * 2) rest = rest.slice(0, maxLineLength + 1); // told as too long when it ends
        return;
      }
      const first = rest + text.slice(0, end);
      physical(lineNumber === 0 && first.startsWith('\ufeff') ? first.slice(1) : first);
      rest = '';
      for (;;) {
        from = end + 1;
        end = text.indexOf('\n', from);
        if (end < 0) break;
        physical(text.slice(from, end));
      }
      rest = text.slice(from);
    },
    end() {
      if (rest !== '') physical(rest);
      rest = '';
      endOfLine();
      endOfRecord();
      return errors;
    },
  };
}

/** @returns `undefined` for what is no base64. */
function decode(text: string, name: string, binary: ReadonlySet<string>): AttributeValue | undefined {
  const encoded = text.trim();
  if (!base64.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  return binary.has(name) || !isUtf8(bytes) ? bytes : bytes.toString('utf8');
}

/** The whole text at once, for short ones. */
export function parseLdif(text: string, binary?: ReadonlySet<string>): { records: LdifRecord[]; errors: readonly LdifError[] } {
  const records: LdifRecord[] = [];
  const reader = ldifReader({ onRecord: (record) => records.push(record), ...(binary === undefined ? {} : { binary }) });
  reader.write(text);
  return { records, errors: reader.end() };
}
