/** xtext, RFC 3461 §4: ASCII in which `+XX` stands for a byte that may not stand there itself. */
export function encodeXtext(text: string): string {
  return text.replace(/[^!-~]|[+=]/g, (char) =>
    [...Buffer.from(char)].map((byte) => `+${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

/** @returns the text, or `undefined` when it is no xtext or hides a control character. */
export function decodeXtext(xtext: string): string | undefined {
  if (!/^(?:[!-*,-~\u0080-\u{10ffff}]|\+[0-9A-F]{2})*$/u.test(xtext)) return undefined;
  if (!xtext.includes('+')) return xtext;
  const bytes = Buffer.from(
    xtext.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  const text = /[^\p{ASCII}]/u.test(xtext) ? xtext : bytes.toString();
  return /[\p{Cc}\ufffd]/u.test(text) ? undefined : text;
}
