/**
 * Text for an unstructured field such as `Subject`, safe for every mail system: ASCII as it is, else encoded words of
 * RFC 2047 in UTF-8 and base64, none longer than 75 characters, no character cut in two.
 *
 * @param text one line (`oneLine`).
 * @param indent characters on the first line before the text: the name of the field, colon and blank.
 * @returns the value, folded.
 */
export function unstructured(text: string, indent: number): string {
  return /^[ -~]*$/.test(text) && !text.includes('=?') ? foldWords(text, indent) : foldWords(encodedWords(text), indent);
}

/** For a text that holds encoded words already: folds it and leaves them as they are. */
export function foldWords(text: string, indent: number): string {
  let line = '';
  let room = 78 - indent;
  const lines: string[] = [];
  for (const word of text.split(' ').filter((one) => one !== '')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
      room = 77;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\r\n ');
}

function encodedWords(text: string): string {
  const words: string[] = [];
  let part = '';
  for (const character of text) {
    // 45 bytes make 60 characters of base64; with `=?utf-8?B?` and `?=` that is 72.
    if (Buffer.byteLength(part) + Buffer.byteLength(character) > 45) {
      words.push(part);
      part = '';
    }
    part += character;
  }
  return [...words, part].map((one) => `=?utf-8?B?${Buffer.from(one).toString('base64')}?=`).join(' ');
}

/** Quoted-printable of a text or of header lines, RFC 2045 §6.7: lines of at most 76 characters, line ends kept as CRLF. */
export function quotedPrintable(bytes: Uint8Array): string {
  let encoded = '';
  let column = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] ?? 0;
    if (byte === 0x0a || (byte === 0x0d && bytes[i + 1] === 0x0a)) {
      if (byte === 0x0d) i += 1;
      encoded += '\r\n';
      column = 0;
      continue;
    }
    const next = bytes[i + 1];
    const blankAtEnd = (byte === 0x20 || byte === 0x09) && (next === undefined || next === 0x0a || next === 0x0d);
    const plain = ((byte >= 0x20 && byte <= 0x7e && byte !== 0x3d) || byte === 0x09) && !blankAtEnd;
    const piece = plain ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    if (column + piece.length > 75) {
      encoded += '=\r\n';
      column = 0;
    }
    encoded += piece;
    column += piece.length;
  }
  return encoded;
}
