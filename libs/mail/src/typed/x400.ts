import { good, type Read, squeezed, unprintable, wrong } from './address-read.ts';

/** One attribute of an O/R address: the name as Exchange writes it (`c`, `a`, `ou1`, `dda:RFC-822`), the value with no meaningless blanks. */
export interface OrAttribute {
  name: string;
  value: string; // a single blank is a value: `a= ` means any ADMD
}

interface Rule {
  name: string;
  slash: string; // the name in the slash form, RFC 2156 §4.1
  others: readonly string[];
  max: number; // characters, X.411
}

const rule = (name: string, slash: string, max: number, ...others: string[]): Rule => ({ name, slash, others, max });
/** In the order Exchange writes them. */
const rules: readonly Rule[] = [
  rule('c', 'C', 3),
  rule('a', 'ADMD', 16),
  rule('p', 'PRMD', 16),
  rule('o', 'O', 64),
  rule('ou1', 'OU1', 32, 'ou'),
  rule('ou2', 'OU2', 32),
  rule('ou3', 'OU3', 32),
  rule('ou4', 'OU4', 32),
  rule('cn', 'CN', 64),
  rule('s', 'S', 40),
  rule('g', 'G', 16),
  rule('i', 'I', 5),
  rule('q', 'GQ', 3),
  rule('x121', 'X121', 15),
  rule('n-id', 'UA-ID', 32),
  rule('t-id', 'T-ID', 24),
];
const byName = new Map(
  rules.flatMap((one, place) => [one.name, one.slash.toLowerCase(), ...one.others].map((name) => [name, { ...one, place }] as const)),
);
const maxDdaType = 8;
const maxDdaValue = 128;
const maxDdas = 4;

/**
 * Reads an X.400 address in either form, `c=XX;a= ;p=Acme;s=Ex;` or `/S=Ex/PRMD=Acme/ADMD= /C=XX/`, also the one meant for business
 * cards (`G=Ada; S=Ex; C=XX`).
 *
 * @returns the attributes in Exchange's order, domain-defined ones last in the order of their types; their order has no meaning
 *          (X.402).
 */
export function parseX400(text: string): Read<OrAttribute[]> {
  if (unprintable.test(text)) return wrong('it has a control character');
  const read = readAttributes(text);
  if (!read.ok) return read;
  const found: PlacedAttribute[] = [];
  for (const attribute of read.value) {
    const fault = faultOf(attribute);
    if (fault !== undefined) return wrong(fault);
    if (found.some(({ name }) => name.toLowerCase() === attribute.name.toLowerCase())) return wrong(`"${attribute.name}" is there twice`);
    found.push(attribute);
  }
  for (const name of ['c', 'a', 'p']) {
    if (!found.some((one) => one.name === name)) return wrong(`"${name}" is missing: country, ADMD and PRMD are needed`);
  }
  if (found.filter(({ place }) => place === rules.length).length > maxDdas) {
    return wrong(`more than ${maxDdas} domain-defined attributes`);
  }
  return good(inOrder(found));
}

/**
 * An X.400 address as text to be compared, whether its values are valid or not: attributes in Exchange's order, `;` form. What was given
 * as `g=Ty;s=Typed;c=DE;a= ;` or `/c=DE/a= /s=Typed/g=Ty` becomes `c=DE;a= ;s=Typed;g=Ty;`. The order has no meaning (X.402), but
 * directories compare text, and what old ones hold is not always an address that may be sent to.
 *
 * @returns `undefined` for what does not look like an X.400 address.
 */
export function orderedX400(value: string): string | undefined {
  const read = readAttributes(value);
  if (!read.ok || read.value.length === 0) return undefined;
  return x400Semicolons(inOrder(read.value.map((one) => (one.name.startsWith('dda:') ? { ...one, name: one.name.toLowerCase() } : one))));
}

interface PlacedAttribute extends OrAttribute {
  written: string; // the name as it was written
  place: number; // in Exchange's order
}

function inOrder(attributes: readonly PlacedAttribute[]): OrAttribute[] {
  const sorted = attributes.toSorted((a, b) => a.place - b.place || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return sorted.map(({ name, value }) => ({ name, value }));
}

/** The attributes as they stand there, known by their names; nothing is said of their values. */
function readAttributes(text: string): Read<PlacedAttribute[]> {
  const slashes = text.startsWith('/');
  const found: PlacedAttribute[] = [];
  for (const part of slashes ? splitSlashes(text) : text.split(';')) {
    if (part.trim() === '') continue;
    const equals = part.indexOf('=');
    if (equals < 1) return wrong(`"${part.trim()}" is no attribute: it has no name before a "="`);
    const written = part.slice(0, equals).trim();
    const raw = slashes ? part.slice(equals + 1).replaceAll(/\$(.)/gs, '$1') : part.slice(equals + 1);
    const value = raw.trim() === '' ? ' ' : squeezed(raw);
    const [, ddaType] = /^(?:dda:|dd\.)(.+)$/i.exec(written) ?? [];
    const known = byName.get(written.toLowerCase());
    if (ddaType !== undefined) found.push({ name: `dda:${ddaType}`, value, written, place: rules.length });
    else if (known !== undefined) found.push({ name: known.name, value, written, place: known.place });
    else return wrong(`"${written}" is no X.400 attribute`);
  }
  return good(found);
}

/** What is wrong with a value, X.411 and X.680 §41.4; a clause for a person. */
function faultOf({ name, value, written }: PlacedAttribute): string | undefined {
  const refused = /[@_%!"*&#;]/.exec(value);
  if (refused !== null) return `"${refused[0]}" cannot stand in a value; X.400 writes it as an escape such as (a) or (095)`;
  if (name.startsWith('dda:')) {
    const type = name.slice('dda:'.length);
    if (type.length > maxDdaType) return `the type "${type}" is longer than ${maxDdaType} characters`;
    return value.length > maxDdaValue ? `the value of "${written}" is longer than ${maxDdaValue} characters` : undefined;
  }
  const known = byName.get(name);
  if (known !== undefined && value.length > known.max) return `"${written}" is longer than ${known.max} characters`;
  const isCountry = name !== 'c' || /^(?:[A-Za-z]{2}|\d{3})$/.test(value);
  return isCountry ? undefined : `the country "${value}" is neither two letters nor three digits`;
}

/** Parts of the slash form, where `$` protects a slash that belongs to a value; the protection stays on for the value to be read. */
function splitSlashes(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 1; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '$' && at + 1 < text.length) {
      part += character + (text[at + 1] ?? '');
      at += 1;
    } else if (character === '/') {
      parts.push(part);
      part = '';
    } else part += character;
  }
  return [...parts, part];
}

/** `c=XX;a= ;p=Acme;s=Ex;`, as Exchange writes it. */
export function x400Semicolons(attributes: readonly OrAttribute[]): string {
  return attributes.map(({ name, value }) => `${name}=${value};`).join('');
}

/** `/G=Ada/S=Ex/O=Ops/PRMD=Acme/ADMD= /C=XX/`, RFC 2156 §4.1: the person first, the country last. */
export function x400Slashes(attributes: readonly OrAttribute[]): string {
  const parts = attributes.toReversed().map(({ name, value }) => {
    const title = name.startsWith('dda:') ? `DD.${name.slice(4)}` : (byName.get(name)?.slash ?? name.toUpperCase());
    return `${title}=${value.replaceAll(/[/=$]/g, '$$$&')}`;
  });
  return `/${parts.join('/')}/`;
}
