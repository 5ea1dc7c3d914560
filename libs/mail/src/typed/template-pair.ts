import { good, type Read, wrong } from './address-read.ts';
import { type AddressTemplate, addressByTemplate, parseTemplate, type PersonNames } from './template.ts';
import { parseAddress, sameAddress } from './typed-address.ts';

/**
 * Two templates for the same people: how a foreign system knows them, and how Internet mail does. One is read where the other is
 * written, so that an address can be mapped without anybody being asked.
 */
export interface TemplatePair {
  foreign: AddressTemplate; // of any type but SMTP
  internet: AddressTemplate; // SMTP, at a domain that is written out
  domain: string; // of `internet`, lower case
}

/** A pair as it stands in a file, for a person to recognise. */
export interface WrittenPair {
  foreign: string;
  internet: string;
}

/**
 * Reads a pair of templates, `GWISE:ACME.PO1.%m` and `SMTP:%m@po1.acme.example`, with the variables of `parseTemplate`.
 *
 * @returns the pair, or why it cannot be one: a side that is no template, a variable that only one side has, two variables with
 *          nothing between them, a domain that has variables.
 */
export function parseTemplatePair(written: WrittenPair): Read<TemplatePair> & { side?: keyof WrittenPair } {
  const foreign = parseTemplate(written.foreign);
  if (!foreign.ok) return { ...foreign, side: 'foreign' };
  const internet = parseTemplate(written.internet);
  if (!internet.ok) return { ...internet, side: 'internet' };
  if (foreign.value.type === 'SMTP') return { ...wrong('its type is SMTP: it must be that of a foreign system'), side: 'foreign' };
  if (internet.value.type !== 'SMTP') return { ...wrong(`its type is ${internet.value.type}, not SMTP`), side: 'internet' };

  const whole = withAlias(internet.value);
  const domain = domainOf(whole);
  if (domain === undefined) return { ...wrong('it has no domain behind an "@", or one with variables in it'), side: 'internet' };
  const fault = unreadable(foreign.value);
  if (fault !== undefined) return { ...wrong(fault), side: 'foreign' };
  const other = unreadable(whole);
  if (other !== undefined) return { ...wrong(other), side: 'internet' };
  const [here, there] = [fieldsOf(foreign.value), fieldsOf(whole)];
  const lonely = here.find((field) => !there.includes(field)) ?? there.find((field) => !here.includes(field));
  if (lonely !== undefined) {
    const side = here.includes(lonely) ? 'internet' : 'foreign';
    return { ...wrong(`%${letters[lonely]} is missing, so that neither address could be made of the other`), side };
  }
  return good({ foreign: foreign.value, internet: whole, domain });
}

/**
 * The Internet address of a foreign one.
 *
 * @returns `undefined` when the pair is not for this address, or when what it makes would not lead back to exactly this one (a name that
 *          was cut, letters that were left out): another way must be taken then.
 */
export function internetByPair(pair: TemplatePair, address: string): string | undefined {
  return across(pair.foreign, pair.internet, address);
}

/** The foreign address of an Internet one; see `internetByPair`. */
export function foreignByPair(pair: TemplatePair, address: string): string | undefined {
  return across(pair.internet, pair.foreign, address);
}

/**
 * What both sides make of somebody's names, where each leads to the other.
 *
 * @param names as the directory has them.
 */
export function addressesByPair(
  { foreign, internet }: TemplatePair,
  names: PersonNames,
): { foreign: string; internet: string } | undefined {
  const [there, here] = [addressByTemplate(foreign, names), addressByTemplate(internet, names)];
  if (!there.ok || !here.ok) return undefined;
  const back = across(foreign, internet, there.value);
  return back !== undefined && sameAddress(back, here.value) ? { foreign: there.value, internet: here.value } : undefined;
}

function across(from: AddressTemplate, to: AddressTemplate, address: string): string | undefined {
  const names = namesIn(from, address);
  if (names === undefined) return undefined;
  const made = addressByTemplate(to, names);
  const namesAgain = made.ok ? namesIn(to, made.value) : undefined;
  if (!made.ok || namesAgain === undefined) return undefined;
  const back = addressByTemplate(from, namesAgain);
  return back.ok && sameAddress(back.value, address) ? made.value : undefined;
}

/**
 * The names a template was filled with. Each variable takes what stands before the next text of the template: one pass, no going back,
 * whatever the address is.
 */
function namesIn({ type, pieces }: AddressTemplate, address: string): PersonNames | undefined {
  const read = parseAddress(address);
  if (!read.ok || !read.value.startsWith(`${type}:`)) return undefined;
  const value = read.value.slice(type.length + 1);
  const lower = value.toLowerCase();
  if (lower.length !== value.length) return undefined; // a letter whose small form is two: places would not be the same
  const names: Partial<Record<keyof PersonNames, string>> = {};
  const undone: { from: string; to: string }[] = [];
  let open: { field: keyof PersonNames; max: number } | undefined;
  let at = 0;
  const close = (end: number): boolean => {
    if (open === undefined) return true;
    const text = value.slice(at, end);
    if (text === '' || Array.from(text).length > open.max) return false;
    const name = undone.reduce((all, { from, to }) => all.replaceAll(to, from), text);
    const before = names[open.field];
    if (before !== undefined && before !== name) return false;
    names[open.field] = name;
    open = undefined;
    return true;
  };
  for (const [place, piece] of pieces.entries()) {
    if (piece.kind === 'replace') {
      if (piece.from !== piece.to) undone.unshift({ from: piece.from, to: piece.to });
    } else if (piece.kind === 'field') open = piece;
    else {
      const text = piece.text.toLowerCase();
      const isLast = place === pieces.length - 1;
      const found = open === undefined ? at : isLast ? value.length - text.length : lower.indexOf(text, at);
      if (found < at || !lower.startsWith(text, found) || !close(found)) return undefined;
      at = found + text.length;
    }
  }
  if (open === undefined) return at === value.length ? { alias: '', ...names } : undefined;
  return close(value.length) ? { alias: '', ...names } : undefined;
}

/** An SMTP template with nothing before the `@` means the alias. */
function withAlias(template: AddressTemplate): AddressTemplate {
  const [first] = template.pieces;
  if (first?.kind !== 'text' || !first.text.startsWith('@')) return template;
  return { ...template, pieces: [{ kind: 'field', field: 'alias', max: Number.POSITIVE_INFINITY }, ...template.pieces] };
}

function domainOf({ pieces }: AddressTemplate): string | undefined {
  const last = pieces.at(-1);
  if (last?.kind !== 'text') return undefined;
  const at = last.text.lastIndexOf('@');
  const domain = last.text.slice(at + 1).toLowerCase();
  const isAlone = pieces.filter((piece) => piece.kind === 'text' && piece.text.includes('@')).length === 1;
  return at < 0 || domain === '' || !isAlone ? undefined : domain;
}

/** Why an address made by this template could not be read again, whoever it is for. */
function unreadable({ pieces }: AddressTemplate): string | undefined {
  let before: keyof PersonNames | undefined;
  for (const piece of pieces) {
    if (piece.kind === 'text') before = undefined;
    if (piece.kind !== 'field') continue;
    if (before !== undefined) {
      return `%${letters[before]} and %${letters[piece.field]} have nothing between them, so that nobody could tell where one ends`;
    }
    before = piece.field;
  }
  return pieces.some(({ kind }) => kind === 'field') ? undefined : 'it has no variable: everybody would have the same address';
}

function fieldsOf({ pieces }: AddressTemplate): (keyof PersonNames)[] {
  return pieces.flatMap((piece) => (piece.kind === 'field' ? [piece.field] : []));
}

const letters: Readonly<Record<keyof PersonNames, string>> = { given: 'g', initials: 'i', surname: 's', display: 'd', alias: 'm' };
