const lineFeedDot = Buffer.from('\n.');
const dot = Buffer.from('.');

/**
 * Content on its way out, RFC 5321 §4.5.2: a dot at the beginning of a line is doubled. Whatever precedes the line, a lone LF too,
 * so that no reader of any kind sees an end of data in the middle.
 */
export class DotStuffer {
  #lineStart = true;
  #last = 0x0a;
  #beforeLast = 0x0d;

  /** @returns the bytes to send: `chunk` itself where nothing had to be added. */
  push(chunk: Buffer): Buffer {
    if (chunk.length === 0) return chunk;
    const first = this.#lineStart && chunk[0] === 0x2e;
    let found = chunk.indexOf(lineFeedDot);
    this.#beforeLast = (chunk.length > 1 ? chunk[chunk.length - 2] : this.#last) ?? 0;
    this.#last = chunk[chunk.length - 1] ?? 0;
    this.#lineStart = this.#last === 0x0a;
    if (!first && found < 0) return chunk;
    const parts: Buffer[] = first ? [dot] : [];
    let at = 0;
    for (; found >= 0; found = chunk.indexOf(lineFeedDot, at)) {
      parts.push(chunk.subarray(at, found + 1), dot);
      at = found + 1;
    }
    parts.push(chunk.subarray(at));
    return Buffer.concat(parts);
  }

  /** @returns the end of data, with the line end the content lacks (RFC 5321 §4.1.1.4). */
  end(): Buffer {
    const ended = this.#last === 0x0a && this.#beforeLast === 0x0d;
    return Buffer.from(ended ? '.\r\n' : '\r\n.\r\n');
  }
}
