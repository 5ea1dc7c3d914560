import { MessageRefused } from './refusal.ts';

/** The two parts of a message, as soon as the first is complete. */
export interface SplitMessage {
  header: Buffer; // all fields, each with its CRLF; without the empty line
  rest: Buffer; // from the empty line on, as far as it has come
}

export interface HeaderSplit {
  /** @returns the parts with the chunk that completes the header, before it `undefined`. @throws MessageRefused `too-large` */
  push(chunk: Buffer): SplitMessage | undefined;
  /** No more bytes: whatever there is, is header. */
  end(): Buffer;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Collects a header block from bytes whose line ends are CRLF, up to the first empty line.
 *
 * @param maxBytes of the block; memory is at most twice that and a chunk.
 */
export function headerSplit(maxBytes: number): HeaderSplit {
  let held = Buffer.alloc(0);
  let length = 0; // of `held` that is in use
  let searched = 0;

  const tooLarge = () => new MessageRefused('too-large', `the header block is over ${maxBytes} bytes`);

  return {
    push(chunk) {
      const bytes = length === 0 ? chunk : append(chunk);
      const end = emptyLine(bytes, searched);
      if (end < 0) {
        if (bytes.length > maxBytes) throw tooLarge();
        if (length === 0) append(chunk);
        searched = Math.max(0, length - 3);
        return undefined;
      }
      if (end > maxBytes) throw tooLarge();
      return { header: bytes.subarray(0, end), rest: bytes.subarray(end) };
    },
    end: () => held.subarray(0, length),
  };

  /** Grows by doubling, so that a header that comes byte by byte costs no more than one that comes at once. */
  function append(chunk: Buffer): Buffer {
    const needed = length + chunk.length;
    if (needed > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * held.length, 4_096));
      held.copy(larger, 0, 0, length);
      held = larger;
    }
    chunk.copy(held, length);
    length = needed;
    return held.subarray(0, length);
  }
}

/** Where the empty line begins, -1 when there is none yet. A message may begin with it. */
function emptyLine(bytes: Buffer, from: number): number {
  if (from === 0 && bytes[0] === carriageReturn && bytes[1] === lineFeed) return 0;
  const found = bytes.indexOf('\r\n\r\n', from, 'latin1');
  return found < 0 ? -1 : found + 2;
}
