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
  const slashes = text.startsWith('/');
  const parts = slashes ? splitSlashes(text) : text.split(';');
  const found: (OrAttribute & { place: number })[] = [];
  for (const part of parts) {
    if (part.trim() === '') continue;
    const attribute = parseAttribute(part, slashes);
    if (!attribute.ok) return attribute;
    if (found.some(({ name }) => name.toLowerCase() === attribute.value.name.toLowerCase())) {
      return wrong(`"${attribute.value.name}" is there twice`);
    }
    found.push(attribute.value);
  }
  for (const name of ['c', 'a', 'p']) {
    if (!found.some((one) => one.name === name)) return wrong(`"${name}" is missing: country, ADMD and PRMD are needed`);
  }
  if (found.filter(({ place }) => place === rules.length).length > maxDdas) {
    return wrong(`more than ${maxDdas} domain-defined attributes`);
  }
  found.sort((a, b) => a.place - b.place || (a.name < b.name ? -1 : 1));
  return good(found.map(({ name, value }) => ({ name, value })));
}

function parseAttribute(part: string, slashes: boolean): Read<OrAttribute & { place: number }> {
  const equals = part.indexOf('=');
  if (equals < 1) return wrong(`"${part.trim()}" is no attribute: it has no name before a "="`);
  const written = part.slice(0, equals).trim();
  const raw = slashes ? part.slice(equals + 1).replaceAll(/\$([/=$])/g, '$1') : part.slice(equals + 1);
  const value = raw.trim() === '' ? ' ' : squeezed(raw);
  const refused = /[@_%!"*&#;]/.exec(value);
  if (refused !== null) return wrong(`"${refused[0]}" cannot stand in a value; X.400 writes it as an escape such as (a) or (095)`);
  const [, ddaType] = /^(?:dda:|dd\.)(.+)$/i.exec(written) ?? [];
  if (ddaType !== undefined) {
    if (ddaType.length > maxDdaType) return wrong(`the type "${ddaType}" is longer than ${maxDdaType} characters`);
    if (value.length > maxDdaValue) return wrong(`the value of "${written}" is longer than ${maxDdaValue} characters`);
    return good({ name: `dda:${ddaType}`, value, place: rules.length });
  }
  const known = byName.get(written.toLowerCase());
  if (known === undefined) return wrong(`"${written}" is no X.400 attribute`);
  if (value.length > known.max) return wrong(`"${written}" is longer than ${known.max} characters`);
  if (known.name === 'c' && !/^(?:[A-Za-z]{2}|\d{3})$/.test(value))
    return wrong(`the country "${value}" is neither two letters nor three digits`);
  return good({ name: known.name, value, place: known.place });
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
