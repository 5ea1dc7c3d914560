/** xtext, RFC 3461 §4: ASCII in which `+XX` stands for a byte that may not stand there itself. */
export function encodeXtext(text: string): string {
  return text.replace(/[^!-~]|[+=]/g, (char) =>
    [...Buffer.from(char)].map((byte) => `+${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

/** @returns the text, or `undefined` when it is no xtext, or holds or hides a control character or what was no UTF-8. */
export function decodeXtext(xtext: string): string | undefined {
  if (!/^(?:[!-*,-~\u0080-\u{10ffff}]|\+[0-9A-F]{2})*$/u.test(xtext)) return undefined;
  if (!xtext.includes('+')) return unclean.test(xtext) ? undefined : xtext;
  // Octet by octet, since what stands there itself may be UTF-8 (RFC 6533 §3).
  const octets = Buffer.from(xtext).toString('latin1');
  const plain = octets.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const text = Buffer.from(plain, 'latin1').toString();
  return unclean.test(text) ? undefined : text;
}

const unclean = /[\p{Cc}\ufffd]/u;
