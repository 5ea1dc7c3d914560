import { isUtf8 } from 'node:buffer';
import { binaryAttributes } from '../entry-profile.ts';
import type { AttributeValue } from '../ldif.ts';
import { dirSyncOid } from './dir-sync-control.ts';
import { LdapFailure } from './failure.ts';
import { type RecentlyRead, recentlyRead } from './recently-read.ts';

/** An entry as the server sent it. */
export interface RawEntry {
  dn: string;
  /** By name in lower case, without options. */
  attributes: Map<string, AttributeValue[]>;
  /** Attributes (name as the server writes it) that go on at this value: the server sent only a range of them. */
  more: Map<string, number>;
}

/** Where an answer to a question for changes ended (MS-ADTS 3.1.1.3.4.1.3). */
export interface ChangesSince {
  cookie: Buffer; // to ask for the next ones
  more: boolean; // there are some already
}

/** What came for one request; `bytes` is the size of the message. */
export type LdapAnswer = { id: number; bytes: number } & (
  | { kind: 'entry'; entry: RawEntry }
  | { kind: 'reference' }
  | {
      kind: 'result';
      operation: 'bind' | 'search' | 'extended';
      code: number;
      text: string;
      cookie: Buffer | undefined;
      changes: ChangesSince | undefined;
    }
  | { kind: 'other' }
);

/** An entry of a group of 300,000 is about 24 MB; a longer message is none of a directory we know. */
const maxMessageBytes = 64 * 1024 * 1024;
const pagedResults = '1.2.840.113556.1.4.319';

/**
 * Cuts a stream of bytes into LDAP messages (BER, RFC 4511 §5.1), each handed on whole.
 *
 * @returns a function that takes the next bytes. @throws LdapFailure for what is no message, or a too long one.
 */
export function messageSplitter(onMessage: (message: Buffer) => void): { write(bytes: Buffer): void; readonly waiting: number } {
  let parts: Buffer[] = [];
  let waiting = 0;
  let needed = 2; // bytes until something more is known
  return {
    get waiting() {
      return waiting;
    },
    write(bytes) {
      parts.push(bytes);
      waiting += bytes.length;
      if (waiting < needed) return; // a long message is joined once, not for each piece
      let rest = parts.length === 1 ? bytes : Buffer.concat(parts);
      for (;;) {
        const length = messageLength(rest);
        needed = length ?? rest.length + 1;
        if (length === undefined || rest.length < length) break;
        onMessage(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
      parts = rest.length === 0 ? [] : [rest];
      waiting = rest.length;
    },
  };
}

/** The length of the message that begins here, header included; `undefined` when its header is not all there. */
function messageLength(bytes: Buffer): number | undefined {
  const [tag, first] = bytes;
  if (tag === undefined) return undefined;
  if (tag !== 0x30) throw new LdapFailure('broken', 'what came is no LDAP message');
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const size = first & 0x7f;
  if (size === 0 || size > 4) throw new LdapFailure('broken', 'a message without a length we can read');
  if (bytes.length < 2 + size) return undefined;
  const length = bytes.readUIntBE(2, size);
  if (length > maxMessageBytes) throw new LdapFailure('broken', `a message of ${length} bytes is longer than we take`);
  return 2 + size + length;
}

/**
 * Reads one message from a server. Every length is held against what encloses it, so that no message, however wrong, is read
 * beyond its end.
 *
 * @throws LdapFailure for a message that contradicts itself.
 */
export function readAnswer(message: Buffer): LdapAnswer {
  const reader = new Reader(message);
  const bytes = message.length;
  const end = reader.enter(0x30, bytes);
  const id = reader.integer(0x02, end);
  const tag = reader.peek(end);
  const operationEnd = reader.enter(tag, end);
  switch (tag) {
    case 0x64:
      return { id, bytes, kind: 'entry', entry: readEntry(reader, operationEnd) };
    case 0x73:
      return { id, bytes, kind: 'reference' };
    case 0x61:
    case 0x65:
    case 0x78: {
      const code = reader.integer(0x0a, operationEnd);
      reader.skip(operationEnd); // matchedDN
      const text = reader.text(0x04, operationEnd);
      const operation = tag === 0x61 ? 'bind' : tag === 0x65 ? 'search' : 'extended';
      reader.at = operationEnd;
      return { id, bytes, kind: 'result', operation, code, text, ...readControls(reader, end) };
    }
    default:
      return { id, bytes, kind: 'other' };
  }
}

interface Controls {
  cookie: Buffer | undefined; // of the next page, when there is one (RFC 2696)
  changes: ChangesSince | undefined;
}

/** What a server says beside a result. */
function readControls(reader: Reader, end: number): Controls {
  const found: Controls = { cookie: undefined, changes: undefined };
  if (reader.at >= end || reader.peek(end) !== 0xa0) return found;
  const controlsEnd = reader.enter(0xa0, end);
  while (reader.at < controlsEnd) {
    const controlEnd = reader.enter(0x30, controlsEnd);
    const oid = reader.text(0x04, controlEnd);
    if (reader.at < controlEnd && reader.peek(controlEnd) === 0x01) reader.skip(controlEnd);
    if ((oid === pagedResults || oid === dirSyncOid) && reader.at < controlEnd) {
      const valueEnd = reader.enter(0x30, reader.enter(0x04, controlEnd));
      if (oid === pagedResults) {
        reader.skip(valueEnd); // the server's estimate
        const cookie = reader.bytes(0x04, valueEnd);
        if (cookie.length > 0) found.cookie = cookie;
      } else {
        const more = reader.integer(0x02, valueEnd) !== 0;
        reader.skip(valueEnd);
        found.changes = { more, cookie: reader.bytes(0x04, valueEnd) };
      }
    }
    reader.at = controlEnd;
  }
  return found;
}

const ranged = /;range=\d+-(\d+|\*)$/i;

/** Names of attributes as servers write them; an entry's are the same as the last one's. */
const names = recentlyRead<AttributeName>(256);
interface AttributeName {
  key: string; // in lower case, without options
  isBinary: boolean;
  more: { name: string; from: number } | undefined;
  /** Values that came before, for an attribute whose values come again (classes, servers). */
  values: RecentlyRead<string>;
}

function attributeName(written: string): AttributeName {
  const [name = ''] = written.split(';', 1);
  const key = name.toLowerCase();
  const [, last] = ranged.exec(written) ?? [];
  const more = last === undefined || last === '*' ? undefined : { name, from: Number(last) + 1 };
  return { key, isBinary: binaryAttributes.has(key), more, values: recentlyRead(16) };
}

function readEntry(reader: Reader, end: number): RawEntry {
  const dn = reader.text(0x04, end);
  const attributes = new Map<string, AttributeValue[]>();
  const more = new Map<string, number>();
  const listEnd = reader.enter(0x30, end);
  while (reader.at < listEnd) {
    const attributeEnd = reader.enter(0x30, listEnd);
    const name = reader.known(attributeEnd, names) ?? reader.learned(attributeEnd, names, attributeName);
    if (name.more !== undefined) more.set(name.more.name, name.more.from);
    const values = attributes.get(name.key) ?? [];
    const setEnd = reader.enter(0x31, attributeEnd);
    while (reader.at < setEnd)
      values.push(name.isBinary ? reader.bytes(0x04, setEnd) : (reader.known(setEnd, name.values) ?? reader.value(setEnd, name.values)));
    // An attribute that was asked for and comes empty is one the entry does not have, beside a range of it above all.
    if (values.length > 0) attributes.set(name.key, values);
    reader.at = attributeEnd;
  }
  return { dn, attributes, more };
}

/** Walks BER values. Each is asked for with the end of what encloses it, and never goes beyond that. */
class Reader {
  readonly #buffer: Buffer;
  at = 0;
  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }
  peek(limit: number): number {
    const tag = this.at < limit ? this.#buffer[this.at] : undefined;
    if (tag === undefined) throw malformed();
    return tag;
  }
  /** Goes to the content of the value that begins here and must have this tag. @returns where it ends. */
  enter(tag: number, limit: number): number {
    const buffer = this.#buffer;
    const at = this.at;
    let length = buffer[at + 1];
    let start = at + 2;
    if (start > limit || buffer[at] !== tag || length === undefined) throw malformed();
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 4 || start + size > limit) throw malformed();
      length = buffer.readUIntBE(start, size);
      start += size;
    }
    const end = start + length;
    if (end > limit) throw malformed();
    this.at = start;
    return end;
  }
  skip(limit: number): void {
    this.at = this.enter(this.peek(limit), limit);
  }
  /** Bytes of their own, that do not keep the whole message. */
  bytes(tag: number, limit: number): Buffer {
    const end = this.enter(tag, limit);
    const bytes = Buffer.from(this.#buffer.subarray(this.at, end));
    this.at = end;
    return bytes;
  }
  text(tag: number, limit: number): string {
    const end = this.enter(tag, limit);
    const text = this.#buffer.toString('utf8', this.at, end);
    this.at = end;
    return text;
  }
  /** What was made of the same bytes before; `undefined`, and nothing is read, when they are not known. */
  known<Made>(limit: number, recent: RecentlyRead<Made>): Made | undefined {
    const start = this.at;
    const end = this.enter(0x04, limit);
    const made = recent.get(this.#buffer, this.at, end);
    this.at = made === undefined ? start : end;
    return made;
  }
  /** Makes something of a text, to be known from now on. */
  learned<Made>(limit: number, recent: RecentlyRead<Made>, make: (text: string) => Made): Made {
    const made = make(this.text(0x04, limit));
    recent.keep(this.#buffer, this.at, made);
    return made;
  }
  /** A value as text, or as bytes when it is no UTF-8. */
  value(limit: number, recent: RecentlyRead<string>): AttributeValue {
    const start = this.at;
    const text = this.text(0x04, limit);
    if (!text.includes('\ufffd')) {
      recent.keep(this.#buffer, this.at, text);
      return text;
    }
    const end = this.at;
    this.at = start;
    const bytes = this.bytes(0x04, limit);
    this.at = end;
    return isUtf8(bytes) ? text : bytes;
  }
  integer(tag: number, limit: number): number {
    const end = this.enter(tag, limit);
    const length = end - this.at;
    if (length === 0 || length > 4) throw malformed();
    const value = this.#buffer.readIntBE(this.at, length);
    this.at = end;
    return value;
  }
}

function malformed(): LdapFailure {
  return new LdapFailure('broken', 'a message that contradicts itself');
}
