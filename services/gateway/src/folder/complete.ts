import { headerFields } from '../eml/header-fields.ts';

/**
 * Why a file seems unfinished, or cannot say that it is finished. `text`: it stops inside a line or behind its header. `line`: it
 * stops behind a line of its text, where a writer that pauses may stop as well as one that is done, since plain text has no end of
 * its own.
 */
export type Unfinished = 'empty' | 'header' | 'multipart' | 'text' | 'line' | 'dialect';

/**
 * What a file says itself about being finished, beside its size and time that do not move: the header has its end, and a multipart
 * message (RFC 2046 §5.1.1) its closing line. Any other text never says it. Where this says no, the file is waited for; a program
 * that writes no such end makes its mail late, not lost.
 *
 * @param head the first bytes of the file. @param tail its last bytes, the same when it is small.
 * @param wholeHead `head` is the whole file.
 * @returns why it seems unfinished.
 */
export function unfinished(head: Buffer, tail: Buffer, wholeHead: boolean): Unfinished | undefined {
  if (head.length === 0) return 'empty';
  const end = headerEnd(head);
  if (end === undefined) return wholeHead ? 'header' : endOf(tail); // a long header: its limit decides later
  const type = headerFields(head.subarray(0, end), new Set(['content-type'])).fields.at(0)?.value;
  const boundary = type === undefined ? undefined : boundaryOf(type);
  if (boundary !== undefined) return tail.includes(`--${boundary}--`) ? undefined : 'multipart';
  const textAt = end + (head[end] === 0x0d ? 2 : 1);
  return wholeHead && head.length <= textAt ? 'text' : endOf(tail);
}

function endOf(tail: Buffer): 'text' | 'line' {
  return tail.at(-1) === 0x0a ? 'line' : 'text';
}

/** Longest closing line looked for, with some text after it that some programs write. */
export const tailBytes = 4_096;

function headerEnd(bytes: Buffer): number | undefined {
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
    if (bytes[at + 1] === 0x0a || (bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a)) return at + 1;
  }
  return bytes[0] === 0x0a || (bytes[0] === 0x0d && bytes[1] === 0x0a) ? 0 : undefined;
}

function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\//i.test(contentType)) return undefined;
  const found = /;\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
}
