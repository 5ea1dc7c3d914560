const chunkBytes = 65_536;

/** Text as UTF-8 in chunks. A string that grows letter by letter would take many times its size. */
export class Utf8Output {
  readonly #full: Buffer[] = [];
  #chunk = Buffer.allocUnsafe(chunkBytes);
  #size = 0;
  #half = ''; // of a surrogate pair, waiting for the other

  get isEmpty(): boolean {
    return this.#full.length === 0 && this.#size === 0 && this.#half === '';
  }

  ascii(bytes: Buffer): void {
    this.#flushHalf();
    for (let at = 0; at < bytes.length; ) {
      const copied = bytes.copy(this.#chunk, this.#size, at);
      this.#size += copied;
      at += copied;
      if (this.#size === chunkBytes) this.#next();
    }
  }

  text(piece: string): void {
    const text = this.#half + piece;
    const last = text.charCodeAt(text.length - 1);
    const isHalf = last >= 0xd800 && last < 0xdc00;
    this.#half = isHalf ? text.slice(-1) : '';
    this.#write(isHalf ? text.slice(0, -1) : text);
  }

  bytes(): Buffer {
    this.#flushHalf();
    return Buffer.concat([...this.#full, this.#chunk.subarray(0, this.#size)]);
  }

  #flushHalf(): void {
    const half = this.#half;
    this.#half = '';
    if (half !== '') this.#write(half);
  }

  /** @param text in which no pair is parted. */
  #write(text: string): void {
    if (text.length * 3 > chunkBytes) {
      this.#next();
      this.#full.push(Buffer.from(text));
      return;
    }
    if (this.#size + text.length * 3 > chunkBytes) this.#next();
    this.#size += this.#chunk.write(text, this.#size);
  }

  #next(): void {
    if (this.#size === 0) return;
    this.#full.push(this.#chunk.subarray(0, this.#size));
    this.#chunk = Buffer.allocUnsafe(chunkBytes);
    this.#size = 0;
  }
}
