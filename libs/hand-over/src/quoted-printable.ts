const hex = '0123456789ABCDEF';
const maxColumn = 76; // RFC 2045 §6.7, rule 5
const [tab, lf, cr, space, equals] = [0x09, 0x0a, 0x0d, 0x20, 0x3d];

/**
 * Encodes text as quoted-printable, RFC 2045 §6.7, chunk by chunk: CRLF stays a line break, a CR or LF alone is encoded, so are
 * blanks at the end of a line. The result has no line over 76 characters and no byte over 126.
 */
export class QuotedPrintable {
  #column = 0;
  /** A byte whose form depends on what follows: CR, or a blank that may end a line. */
  #held: number | undefined;

  /** @returns the encoded form of `chunk`, up to what the next byte decides. */
  push(chunk: Uint8Array): Buffer {
    const out = new Output(chunk.length);
    for (const byte of chunk) this.#next(byte, out);
    return out.bytes();
  }

  /** What was held back at the end of the text. */
  end(): Buffer {
    const out = new Output(8);
    if (this.#held !== undefined) this.#encoded(this.#held, out);
    this.#held = undefined;
    return out.bytes();
  }

  #next(byte: number, out: Output): void {
    if (this.#held === cr && byte === lf) {
      this.#held = undefined;
      this.#column = 0;
      out.pair(cr, lf);
      return;
    }
    if (this.#held !== undefined) {
      // A blank before CR may end the line, and encoding it is never wrong.
      if (this.#held === cr || byte === cr) this.#encoded(this.#held, out);
      else this.#plain(this.#held, out);
      this.#held = undefined;
    }
    if (byte === cr || byte === space || byte === tab) this.#held = byte;
    else if (byte > space && byte < 0x7f && byte !== equals) this.#plain(byte, out);
    else this.#encoded(byte, out);
  }

  #plain(byte: number, out: Output): void {
    this.#room(1, out);
    out.one(byte);
  }

  #encoded(byte: number, out: Output): void {
    this.#room(3, out);
    out.one(equals);
    out.pair(hex.charCodeAt(byte >> 4), hex.charCodeAt(byte & 15));
  }

  /** A soft line break when `width` more characters and the `=` of a later break do not fit. */
  #room(width: number, out: Output): void {
    if (this.#column + width > maxColumn - 1) {
      out.one(equals);
      out.pair(cr, lf);
      this.#column = 0;
    }
    this.#column += width;
  }
}

/** A growing buffer. */
class Output {
  #bytes: Buffer;
  #length = 0;

  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafe(expected + (expected >> 2) + 16);
  }

  one(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow();
    this.#bytes[this.#length++] = byte;
  }

  pair(first: number, second: number): void {
    this.one(first);
    this.one(second);
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
