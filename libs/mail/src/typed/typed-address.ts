import { splitAddress } from '../address.ts';
import { addressType } from './address-types.ts';
import { good, type Read, wrong } from './address-read.ts';

/** Longest address, type included: what the bus carries. */
export const maxAddressCharacters = 1_200;

/**
 * Reads an address as a person or a foreign system wrote it: `TYPE:value`, a bare mailbox, or MAPI's one-off form
 * `Name[TYPE:value]`.
 *
 * @returns the typed address in the one form equal writings of it have (letter case is kept), or why it is none.
 */
export function parseAddress(written: string): Read<string> {
  if (written.length > maxAddressCharacters) return wrong(`it is longer than ${maxAddressCharacters} characters`);
  const [, oneOff] = /^[^[\]]*\[([A-Za-z0-9-]{1,16}:[^\]]*)\]\s*$/s.exec(written) ?? [];
  const text = oneOff ?? written;
  const colon = /^[A-Za-z0-9-]{1,16}:/.exec(text)?.[0].length;
  if (colon === undefined && !text.includes('@')) return wrong('it has neither a type (TYPE:value) nor an "@"');
  const type = addressType(colon === undefined ? 'SMTP' : text.slice(0, colon - 1));
  const read = type.parse(colon === undefined ? text : text.slice(colon));
  return read.ok ? good(`${type.name}:${read.value}`) : wrong(`as an address of type ${type.name} it is wrong: ${read.reason}`);
}

/**
 * Whether two typed addresses lead to the same person: letter case and meaningless blanks do not count, nor does the order of X.400
 * attributes; `EX` and `X500` are one name space, since an X500 proxy is what an EX address was before.
 */
export function sameAddress(one: string, other: string): boolean {
  return comparedAs(one) === comparedAs(other);
}

/** The form equal addresses share, for maps and indexes. @param address typed; one that its type does not understand is compared as text. */
export function comparedAs(address: string): string {
  const { type: name, value } = splitAddress(address);
  const type = addressType(name);
  const read = type.parse(value);
  return `${name === 'EX' ? 'X500' : name}:${read.ok ? type.key(read.value) : value.normalize('NFC').toLowerCase()}`;
}

/** What a person would call this address: the name in it, else all of it. */
export function displayOf(address: string): string {
  const { type: name, value } = splitAddress(address);
  const type = addressType(name);
  const read = type.parse(value);
  return read.ok ? type.display(read.value) : value;
}
