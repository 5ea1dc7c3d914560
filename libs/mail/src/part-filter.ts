import { readHeaderBlock } from './header-block.ts';

/** What can be left out of a message: rich text for MAPI clients alone (`winmail.dat`), the forms of a text beside its plain one. */
export type LeftOut = 'tnef' | 'html';

/** Deeper multiparts are not looked into. */
const maxDepth = 32;
/** A header block that is longer is not looked through. */
const maxHeaderBytes = 1_048_576;
const maxPartHeaderBytes = 65_536;
/** RFC 2046 §5.1.1 has 70; some systems write more. */
const maxBoundary = 200;
const longestDelimiter = maxBoundary + 60; // with blanks behind it

interface Multipart {
  boundary: string;
  alternative: boolean;
  kept: number; // parts
  hasPlain: boolean; // among them
}

/**
 * Leaves parts out of a MIME message while its bytes stream by (RFC 2046 §5.1); all else passes byte for byte.
 *
 * `tnef`: `application/ms-tnef` behind another part. `html`: of a `multipart/alternative` what stands behind its plain text, with
 * its pictures; but no calendar, and nothing of mail that has HTML alone. A message whose signature would break (DKIM, ARC,
 * DomainKeys) and whatever is inside `multipart/signed`, `multipart/encrypted` or `message/rfc822` stays whole.
 *
 * Memory: one header block, at most 1 MB.
 */
export class PartFilter {
  /** Parts that were left out, by why. */
  readonly leftOut: Record<LeftOut, number> = { tnef: 0, html: 0 };
  /** Nothing will be left out any more, so whoever only wants to know may stop reading. */
  ended = false;
  readonly #without: ReadonlySet<LeftOut>;
  readonly #open: Multipart[] = [];
  #started = false;
  #skipping = false;
  #inLine = false; // the bytes at hand begin inside a line
  #held: Buffer | undefined;

  constructor(without: Iterable<LeftOut>) {
    this.#without = new Set(without);
  }

  /** @param pass is given what stays, in order. */
  push(chunk: Buffer, pass: (bytes: Buffer) => void): void {
    this.#scan(this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]), pass, false);
  }

  /** No more bytes: what waited is passed. */
  end(pass: (bytes: Buffer) => void): void {
    if (this.#held !== undefined) this.#scan(this.#held, pass, true);
  }

  #scan(bytes: Buffer, pass: (bytes: Buffer) => void, last: boolean): void {
    this.#held = undefined;
    const give = (from: number, to: number) => {
      if (to > from && !this.#skipping) pass(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
    };
    let from = 0; // first byte that was not passed yet
    let at = 0;
    if (!this.#started) {
      const end = this.#headerEnd(bytes, 0);
      if (end < 0 && !last && bytes.length < maxHeaderBytes) {
        this.#held = bytes;
        return;
      }
      this.#started = true;
      if (end < 0) this.ended = true;
      else this.#begin(bytes.subarray(0, end));
      at = Math.max(0, end);
    }
    while (!this.ended) {
      const line = this.#candidate(bytes, at);
      if (line < 0) {
        const feed = bytes.lastIndexOf('\n');
        // A delimiter may begin with what stands behind the last line end, and go on in the next bytes.
        const may = !last && bytes.length - feed <= 2 && (feed >= at || (feed === at - 1 && !this.#inLine));
        const open = may ? feed + 1 : bytes.length;
        give(from, open);
        if (open < bytes.length) this.#held = bytes.subarray(open);
        this.#inLine = open === bytes.length && open > 0 && bytes[open - 1] !== 0x0a;
        return;
      }
      const found = this.#delimiter(bytes, line, last);
      if (found === 'more') {
        give(from, line);
        this.#held = bytes.subarray(line);
        this.#inLine = false;
        return;
      }
      if (found === undefined) {
        at = line + 2;
        this.#inLine = true;
        continue;
      }
      give(from, line);
      from = line;
      at = found.end;
      this.#inLine = false;
      this.#open.length = found.level + (found.closes ? 0 : 1);
      this.#skipping = !found.closes && !this.#keeps(found.header);
      this.ended = this.#open.length === 0;
    }
    give(from, bytes.length);
  }

  /** The next line that begins with `--`, or -1. */
  #candidate(bytes: Buffer, at: number): number {
    if (!this.#inLine && bytes[at] === 0x2d && bytes[at + 1] === 0x2d) return at;
    const feed = bytes.indexOf('\n--', at > 0 && !this.#inLine ? at - 1 : at);
    return feed < 0 ? -1 : feed + 1;
  }

  /** A delimiter at the beginning of a line, with the header block of the part behind it. `more`: that cannot be told yet. */
  #delimiter(
    bytes: Buffer,
    line: number,
    last: boolean,
  ): { level: number; closes: boolean; end: number; header: Buffer } | 'more' | undefined {
    const feed = bytes.indexOf(0x0a, line);
    if (feed < 0 && !last && bytes.length - line < longestDelimiter) return 'more';
    const level = this.#levelOf(bytes, line, feed < 0 ? bytes.length : feed);
    if (level === undefined) return undefined;
    const start = feed < 0 ? bytes.length : feed + 1;
    if (level < 0) return { level: -level - 1, closes: true, end: start, header: nothing };
    let end = this.#headerEnd(bytes, start);
    if (end < 0) {
      if (!last && bytes.length - start < maxPartHeaderBytes) return 'more';
      end = start; // no header block anybody could read: the part stays
    }
    return { level, closes: false, end, header: bytes.subarray(start, end) };
  }

  /** Which open multipart a line separates: its index, or `-1 - index` when it ends it. */
  #levelOf(bytes: Buffer, line: number, end: number): number | undefined {
    if (end - line > longestDelimiter) return undefined;
    const text = bytes.toString('latin1', line + 2, end).trimEnd();
    for (let level = this.#open.length - 1; level >= 0; level -= 1) {
      const boundary = this.#open[level]?.boundary;
      if (text === boundary) return level;
      if (text === `${boundary}--`) return -1 - level;
    }
    return undefined;
  }

  /** Where a header block ends, its empty line included; -1 when that is not among these bytes. */
  #headerEnd(bytes: Buffer, start: number): number {
    for (let at = start; at < bytes.length; ) {
      const feed = bytes.indexOf(0x0a, at);
      if (feed < 0) return -1;
      if (feed === at || (feed === at + 1 && bytes[at] === 0x0d)) return feed + 1;
      // A part that ends in its own header.
      if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d && this.#levelOf(bytes, at, feed) !== undefined) return at;
      at = feed + 1;
    }
    return -1;
  }

  #begin(header: Buffer): void {
    const { fields } = readHeaderBlock(header);
    if (!fields.some(({ name }) => signature.test(name))) this.#enter(typeOf(header));
    this.ended = this.#open.length === 0;
  }

  #enter({ type, boundary }: ContentType): void {
    if (boundary === undefined || !type.startsWith('multipart/') || sealed.has(type) || this.#open.length === maxDepth) return;
    this.#open.push({ boundary, alternative: type === 'multipart/alternative', kept: 0, hasPlain: false });
  }

  /** Decides about a part; a multipart that stays is looked into. */
  #keeps(header: Buffer): boolean {
    const within = this.#open.at(-1);
    if (within === undefined) return true;
    const content = typeOf(header);
    if (this.#without.has('tnef') && tnef.test(content.type) && within.kept > 0) {
      this.leftOut.tnef += 1;
      return false;
    }
    if (this.#without.has('html') && within.alternative && within.hasPlain && isFormatted(content.type)) {
      this.leftOut.html += 1;
      return false;
    }
    within.kept += 1;
    if (content.type === 'text/plain') within.hasPlain = true;
    this.#enter(content);
    return true;
  }
}

const nothing = Buffer.alloc(0);
const signature = /^(dkim-signature|domainkey-signature|arc-.*)$/i;
const sealed: ReadonlySet<string> = new Set(['multipart/signed', 'multipart/encrypted']);
const tnef = /^application\/(vnd\.)?ms-tnef$/;

/** Another form of a text. Of what an alternative may have besides, a calendar is for programs, and a mixture may hold attachments. */
function isFormatted(type: string): boolean {
  if (type.startsWith('text/')) return type !== 'text/plain' && type !== 'text/calendar';
  return type === 'application/rtf' || type === 'multipart/related';
}

interface ContentType {
  type: string; // lower case
  boundary?: string;
}

/** RFC 2045 §5.1; what says nothing is plain text (§5.2). */
function typeOf(header: Buffer): ContentType {
  const value = readHeaderBlock(header).first('content-type') ?? 'text/plain';
  const type = /^[^;\s]+/.exec(value)?.[0].toLowerCase() ?? 'text/plain';
  const [, quoted, bare] = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(value) ?? [];
  const boundary = (quoted?.replace(/\\(.)/g, '$1') ?? bare)?.trimEnd();
  return boundary === undefined || boundary === '' || boundary.length > maxBoundary ? { type } : { type, boundary };
}
