/**
 * Any text inside an X.400 PrintableString, RFC 2156 §3.3.1 and its predecessors: `@` is `(a)`, `%` is `(p)`, and so on; what has
 * no letter is `(ddd)`, the decimal value of each octet of its UTF-8. Blanks that X.400 would not keep (at the ends, or one after
 * another) are `(032)`, so that the text comes back as it was.
 */
export function encodePrintable(text: string): string {
  const bytes = Buffer.from(text);
  let encoded = '';
  for (const [at, byte] of bytes.entries()) {
    const character = String.fromCharCode(byte);
    const isLooseBlank = byte === 0x20 && (at === 0 || at === bytes.length - 1 || bytes[at - 1] === 0x20);
    if (plain.test(character) && !isLooseBlank) encoded += character;
    else encoded += names.get(character) ?? `(${byte.toString().padStart(3, '0')})`;
  }
  return encoded;
}

/** @returns the text, or `undefined` when a bracket in it begins nothing known or the octets are no UTF-8. */
export function decodePrintable(encoded: string): string | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < encoded.length; ) {
    const character = encoded[at] ?? '';
    if (character !== '(') {
      bytes.push(...Buffer.from(String.fromCodePoint(encoded.codePointAt(at) ?? 0)));
      at += (encoded.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      continue;
    }
    const [all = '', word = ''] = /^\(([a-z]|\d{3})\)/i.exec(encoded.slice(at, at + 5)) ?? [];
    const value = /^\d/.test(word) ? Number(word) : characters.get(word.toLowerCase())?.charCodeAt(0);
    if (value === undefined || value > 255) return undefined;
    bytes.push(value);
    at += all.length;
  }
  return fromUtf8(Buffer.from(bytes));
}

/** @returns `undefined` when the bytes are no UTF-8: never text with a replacement character in it. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** ITU-T X.680, PrintableString; without brackets, which begin an escape here. */
const plain = /^[A-Za-z0-9 '+,\-./:=?]$/;
const names = new Map([
  ['@', '(a)'],
  ['%', '(p)'],
  ['!', '(b)'],
  ['"', '(q)'],
  ['_', '(u)'],
  ['(', '(l)'],
  [')', '(r)'],
]);
const characters = new Map([...names].map(([character, name]) => [name[1] ?? '', character] as const));
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
