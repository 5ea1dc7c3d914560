import { addressKey, orderedX400, splitAddress } from '@mailrail/mail';
import type { Filter } from 'ldapts';
import type { Entry } from '../port.ts';
import { indexKey } from '../index-key.ts';
import { equals } from './filters.ts';

/** The attributes of a server that hold addresses. */
export interface AddressAttributes {
  typed: readonly string[]; // `SMTP:ada@corp.example`
  bare: readonly string[]; // `ada@corp.example`
  legacy: readonly string[]; // `/o=Corp/cn=ada`
}

/** Longer addresses, and those with a line's end in them, are in no entry: nobody needs to be asked. */
const maxAddressLength = 1_200;

export function canBeAsked(address: string): boolean {
  return address.length <= maxAddressLength && !/[\r\n\0]/.test(address);
}

/** What an entry has that has this address: one of these. Values are compared in NFC, as they are kept. */
export function filtersFor(address: string, { typed, bare, legacy }: AddressAttributes): Filter[] {
  const { type, value: given } = splitAddress(address);
  const value = /^[\u0020-\u007e]*$/.test(given) ? given : given.normalize('NFC');
  const inTyped = (...spellings: string[]) => spellings.flatMap((spelling) => typed.map((attribute) => equals(attribute, spelling)));
  switch (type) {
    case 'SMTP':
      return [...inTyped(`SMTP:${value}`), ...bare.map((attribute) => equals(attribute, value))];
    case 'EX':
    case 'X500':
      return [...legacy.map((attribute) => equals(attribute, value)), ...inTyped(`X500:${value}`, `EX:${value}`)];
    case 'X400': {
      const ordered = orderedX400(value);
      return ordered === undefined || ordered === value ? inTyped(`X400:${value}`) : inTyped(`X400:${value}`, `X400:${ordered}`);
    }
    default:
      return inTyped(`${type}:${value}`);
  }
}

/**
 * Which of the questions each entry answers. A server may find more than was asked for (Active Directory takes `o` for `ö`), so
 * an entry counts only for addresses it has.
 *
 * @returns the owners by `addressKey`; an address nobody has has no key.
 */
export function ownersOf(questions: readonly string[], entries: readonly Entry[]): Map<string, Entry[]> {
  const asked = new Map<string, string[]>();
  const types = new Set<string>(); // of addresses that can answer a question
  for (const question of questions) {
    const key = indexKey(question);
    const type = key.slice(0, key.indexOf(':'));
    types.add(type);
    if (type === 'X500') types.add('EX');
    const own = type === 'SMTP' ? key : addressKey(question);
    const before = asked.get(key);
    if (before === undefined) asked.set(key, [own]);
    else before.push(own);
  }
  const found = new Map<string, Entry[]>();
  const answer = (address: string, entry: Entry) => {
    for (const question of asked.get(indexKey(address)) ?? none) {
      const owners = found.get(question);
      if (owners === undefined) found.set(question, [entry]);
      else if (!owners.some(({ id }) => id === entry.id)) owners.push(entry);
    }
  };
  for (const entry of entries) {
    for (const address of entry.addresses) if (types.has(address.slice(0, address.indexOf(':')))) answer(address, entry);
    if (entry.legacyDn !== undefined && entry.kind !== 'other' && types.has('EX')) answer(`EX:${entry.legacyDn}`, entry);
  }
  return found;
}

const none: readonly string[] = [];
