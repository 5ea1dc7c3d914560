/** Cuts what a server says into replies and keeps only their codes. Lines over 64 KB end it: no server says that. */
export class ReplyReader {
  #rest = '';

  /** @returns codes of the replies that are now complete, in order. 0 for what is no reply. */
  push(bytes: Uint8Array, length = bytes.length): number[] {
    // Nearly always one line, whole: no text is made of it.
    if (this.#rest === '' && length > 4 && bytes[3] !== 0x2d && bytes.indexOf(0x0a) === length - 1) return [codeOf(bytes)];
    this.#rest += Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('latin1');
    const codes: number[] = [];
    let begin = 0;
    for (let end = this.#rest.indexOf('\n'); end >= 0; end = this.#rest.indexOf('\n', begin)) {
      if (this.#rest[begin + 3] !== '-') {
        const code = Number(this.#rest.slice(begin, begin + 3));
        codes.push(Number.isInteger(code) ? code : 0);
      }
      begin = end + 1;
    }
    this.#rest = this.#rest.slice(begin);
    if (this.#rest.length > 65_536) {
      this.#rest = '';
      codes.push(0);
    }
    return codes;
  }
}

function codeOf(bytes: Uint8Array): number {
  const digit = (at: number) => (bytes[at] ?? 0) - 0x30;
  const [first, second, third] = [digit(0), digit(1), digit(2)];
  return [first, second, third].every((one) => one >= 0 && one <= 9) ? first * 100 + second * 10 + third : 0;
}
