import { MessageRefused } from './refusal.ts';

/** Bytes of a text file on their way to the form mail has: every line ends in CRLF, the last one too. */
export interface LineEnds {
  /** What to pass on for a chunk: the chunk itself where nothing had to be changed. @throws MessageRefused `syntax` */
  push(chunk: Buffer): Buffer;
  /** Call once after the last chunk. @throws MessageRefused `syntax` */
  end(): Buffer;
  /** Bare LFs that became CRLF so far, and 1 for a last line without an end. */
  readonly repaired: number;
  /** Bytes given back so far. */
  readonly sizeBytes: number;
}

const crlf = Buffer.from('\r\n');
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Turns bare LF into CRLF, since files and HTTP clients have the line ends of their system. What cannot be a line end is
 * refused: a CR without LF (the raw material of smuggling) and NUL (RFC 5321 §4.5.2, RFC 5322 §4).
 */
export function lineEnds(): LineEnds {
  let afterReturn = false;
  let last = lineFeed; // an empty message needs no line end
  let repaired = 0;
  let sizeBytes = 0;
  let seenBytes = 0;

  const loneReturn = (at: number) => new MessageRefused('syntax', `a carriage return without line feed at byte ${at}`, `byte ${at}`);

  return {
    push(chunk) {
      let bare = 0;
      for (let at = 0; at < chunk.length; at += 1) {
        const byte = chunk[at] ?? 0;
        if (byte > carriageReturn && !afterReturn) continue; // nearly every byte
        if (byte === lineFeed) {
          if (!afterReturn) bare += 1;
          afterReturn = false;
        } else if (afterReturn) {
          throw loneReturn(seenBytes + at - 1);
        } else if (byte === carriageReturn) {
          afterReturn = true;
        } else if (byte === 0) {
          throw new MessageRefused('syntax', `a NUL at byte ${seenBytes + at}: this is not a text message`, `byte ${seenBytes + at}`);
        }
      }
      const out = bare === 0 ? chunk : withReturns(chunk, bare, last === carriageReturn);
      last = chunk[chunk.length - 1] ?? last;
      seenBytes += chunk.length;
      repaired += bare;
      sizeBytes += out.length;
      return out;
    },
    end() {
      if (afterReturn) throw loneReturn(seenBytes - 1);
      if (last === lineFeed) return crlf.subarray(2);
      repaired += 1;
      sizeBytes += 2;
      return crlf;
    },
    get repaired() {
      return repaired;
    },
    get sizeBytes() {
      return sizeBytes;
    },
  };
}

/** @param bare how many LFs of the chunk stand alone. @param afterReturn the byte before the chunk was a CR. */
function withReturns(chunk: Buffer, bare: number, afterReturn: boolean): Buffer {
  const out = Buffer.allocUnsafe(chunk.length + bare);
  let to = 0;
  let before = afterReturn ? carriageReturn : 0;
  for (const byte of chunk) {
    if (byte === lineFeed && before !== carriageReturn) {
      out[to] = carriageReturn;
      to += 1;
    }
    out[to] = byte;
    to += 1;
    before = byte;
  }
  return out;
}
