import { splitAddress } from './address.ts';
import { fromUtf8 } from './typed/printable-string.ts';

/**
 * A typed address of another system as a mailbox of a domain of ours, as Exchange wrote it (MS-OXCMAIL 2.1.3.1.8):
 * letters, digits, `-` and `=` stay, `/` becomes `_`, everything else `+` and two hex digits (bytes of its UTF-8).
 * The first hyphen ends the type, so that an address whose type has one cannot be read again.
 *
 * @param domain a domain of ours; only for such a domain is the form decoded again.
 */
export function imceaMailbox(address: string, domain: string): string {
  const { type, value } = splitAddress(address);
  let encoded = '';
  for (const byte of Buffer.from(value)) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9=-]/.test(character)) encoded += character;
    else encoded += character === '/' ? '_' : `+${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return `IMCEA${type}-${encoded}@${domain}`;
}

/** @returns the typed address in the local part of such a mailbox, or `undefined` when it is none, or would end a line. */
export function imceaAddress(localPart: string): string | undefined {
  const [, type, encoded] = /^imcea([a-z0-9]{1,16})-((?:[a-z0-9=_-]|\+[0-9a-f]{2})*)$/i.exec(localPart) ?? [];
  if (type === undefined || encoded === undefined) return undefined;
  const bytes: number[] = [];
  for (let i = 0; i < encoded.length; i += 1) {
    const character = encoded[i] ?? '';
    if (character === '+') {
      bytes.push(Number.parseInt(encoded.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(character === '_' ? 0x2f : character.charCodeAt(0));
  }
  const value = fromUtf8(Buffer.from(bytes));
  return value === undefined || /[\r\n\0]/.test(value) ? undefined : `${type.toUpperCase()}:${value}`;
}
