/**
 * Addresses in reports, RFC 3464 §2.3 and RFC 6533 §3: `rfc822;ada@corp.example`, and for internationalized ones the form
 * that stays within ASCII, `utf-8;b\x{FC}cher@corp.example`.
 */

/** An address with the characters ASCII fields cannot carry as `\x{HEX}` (utf-8-addr-xtext). */
export function encodeUtf8Address(address: string): string {
  let encoded = '';
  for (const character of address) {
    const code = character.codePointAt(0) ?? 0;
    const plain = code > 0x20 && code < 0x7f && code !== 0x2b && code !== 0x3d && code !== 0x5c;
    encoded += plain ? character : `\\x{${code.toString(16).toUpperCase().padStart(2, '0')}}`;
  }
  return encoded;
}

/** @returns the address, or `undefined` when a `\x{...}` in it is no character. */
export function decodeUtf8Address(encoded: string): string | undefined {
  let good = true;
  const decoded = encoded.replace(/\\(?:x\{([0-9A-Fa-f]{1,6})\})?/g, (_all, hex: string | undefined) => {
    const code = hex === undefined ? Number.NaN : Number.parseInt(hex, 16);
    if (!(code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff)) {
      good = false;
      return '';
    }
    return String.fromCodePoint(code);
  });
  return good ? decoded : undefined;
}

/** The `type;address` of a report for a typed address: `SMTP:` becomes `rfc822` or `utf-8`, other types keep their name. */
export function reportAddress(address: string): string {
  const colon = address.indexOf(':');
  const type = address.slice(0, colon).toLowerCase();
  const value = address.slice(colon + 1);
  if (isAscii(value)) return `${type === 'smtp' ? 'rfc822' : type};${value}`;
  return `${type === 'smtp' ? 'utf-8' : type};${encodeUtf8Address(value)}`;
}

/** Only printable ASCII and blanks: may stand in a header that everybody can carry. */
export function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
