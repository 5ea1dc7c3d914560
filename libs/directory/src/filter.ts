import { dnKey, parseDn } from './dn.ts';
import type { Attributes, AttributeValue } from './ldif.ts';

/** A search filter, RFC 4511 §4.5.1.7. Attribute names in lower case; values folded for comparison. */
export type Filter =
  | { kind: 'and' | 'or'; filters: Filter[] }
  | { kind: 'not'; filter: Filter }
  | { kind: 'present'; attribute: string }
  | { kind: 'equal' | 'least' | 'most'; attribute: string; value: string }
  | { kind: 'substrings'; attribute: string; initial: string; any: string[]; final: string }
  | { kind: 'bits'; attribute: string; mask: bigint; all: boolean };

const maxLength = 65_536;
const maxDepth = 64;
const bitAnd = '1.2.840.113556.1.4.803';
const bitOr = '1.2.840.113556.1.4.804';

/**
 * Reads a filter from its text form, RFC 4515, with blanks between parts as Active Directory allows them. Of the extensible
 * rules the two for bit masks are known (a query-based group asks `userAccountControl` so).
 *
 * @returns the filter, or what is wrong with the text.
 */
export function parseFilter(text: string): { ok: true; filter: Filter } | { ok: false; reason: string } {
  if (text.length > maxLength) return { ok: false, reason: `the filter is longer than ${maxLength} characters` };
  let at = 0;
  const blanks = () => {
    while (text[at] === ' ' || text[at] === '\t' || text[at] === '\r' || text[at] === '\n') at += 1;
  };
  const wrong = (what: string) => new FilterError(`${what} at character ${at + 1}`);

  const read = (depth: number): Filter => {
    if (depth > maxDepth) throw wrong(`nested deeper than ${maxDepth}`);
    blanks();
    if (text[at] !== '(') throw wrong('`(` expected');
    at += 1;
    blanks();
    const sign = text[at];
    let filter: Filter;
    if (sign === '&' || sign === '|') {
      at += 1;
      const filters: Filter[] = [];
      for (blanks(); text[at] === '('; blanks()) filters.push(read(depth + 1));
      filter = { kind: sign === '&' ? 'and' : 'or', filters }; // none at all: true and false, RFC 4526
    } else if (sign === '!') {
      at += 1;
      filter = { kind: 'not', filter: read(depth + 1) };
      blanks();
    } else filter = readItem();
    if (text[at] !== ')') throw wrong('`)` expected');
    at += 1;
    return filter;
  };

  const readItem = (): Filter => {
    const [, name] = /^([A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*|\d+(?:\.\d+)*)\s*/.exec(text.slice(at, at + 200)) ?? [];
    if (name === undefined) throw wrong('an attribute name expected');
    at += name.length;
    blanks();
    const [, operator] = /^(>=|<=|~=|=|:[^=()]*:=)/.exec(text.slice(at, at + 100)) ?? [];
    if (operator === undefined) throw wrong('`=`, `>=`, `<=` or `~=` expected');
    at += operator.length;
    const end = text.indexOf(')', at);
    const raw = text.slice(at, end < 0 ? text.length : end);
    if (raw.includes('(')) throw wrong('a parenthesis in a value must be escaped');
    const attribute = name.toLowerCase().replace(/;.*$/, '');
    const filter = item(attribute, operator, raw);
    at += raw.length;
    return filter;
  };

  const item = (attribute: string, operator: string, raw: string): Filter => {
    if (operator.startsWith(':')) {
      const rule = operator.slice(1, -2);
      const value = unescaped(raw);
      if ((rule !== bitAnd && rule !== bitOr) || !/^\d{1,19}$/.test(value)) throw wrong('a matching rule that is not supported');
      return { kind: 'bits', attribute, mask: BigInt(value), all: rule === bitAnd };
    }
    if (operator === '>=' || operator === '<=')
      return { kind: operator === '>=' ? 'least' : 'most', attribute, value: fold(unescaped(raw)) };
    if (raw.trim() === '*' && operator === '=') return { kind: 'present', attribute };
    if (!raw.includes('*') || operator === '~=') return { kind: 'equal', attribute, value: fold(unescaped(raw)) };
    const parts = raw.split('*').map((part) => fold(unescaped(part)));
    return {
      kind: 'substrings',
      attribute,
      initial: parts[0] ?? '',
      any: parts.slice(1, -1).filter((part) => part !== ''),
      final: parts.at(-1) ?? '',
    };
  };

  const unescaped = (raw: string): string => {
    if (!raw.includes('\\')) return raw;
    const bytes: Buffer[] = [];
    for (let from = 0; from < raw.length; ) {
      const slash = raw.indexOf('\\', from);
      if (slash < 0) {
        bytes.push(Buffer.from(raw.slice(from)));
        break;
      }
      const pair = raw.slice(slash + 1, slash + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(pair)) throw wrong('`\\` must be followed by two hex digits');
      bytes.push(Buffer.from(raw.slice(from, slash)), Buffer.from(pair, 'hex'));
      from = slash + 3;
    }
    return Buffer.concat(bytes).toString('utf8');
  };

  try {
    const filter = read(0);
    blanks();
    if (at < text.length) throw wrong('the end expected');
    return { ok: true, filter };
  } catch (error) {
    if (error instanceof FilterError) return { ok: false, reason: `the filter does not parse: ${error.message}` };
    throw error;
  }
}

class FilterError extends Error {}

/**
 * Whether an entry is what the filter asks for. Values compare without case and with runs of blanks as one (caseIgnoreMatch);
 * numbers compare as numbers; a DN and `objectCategory` also by the DN's meaning. An attribute the entry does not have matches
 * nothing, so its negation is true, as in Active Directory.
 */
export function matches(filter: Filter, attributes: Attributes): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.filters.every((one) => matches(one, attributes));
    case 'or':
      return filter.filters.some((one) => matches(one, attributes));
    case 'not':
      return !matches(filter.filter, attributes);
    case 'present':
      return (attributes.get(filter.attribute)?.length ?? 0) > 0;
    case 'equal':
      return any(attributes, filter.attribute, (value) => equal(filter.attribute, value, filter.value));
    case 'least':
      return any(attributes, filter.attribute, (value) => compare(value, filter.value) >= 0);
    case 'most':
      return any(attributes, filter.attribute, (value) => compare(value, filter.value) <= 0);
    case 'substrings':
      return any(attributes, filter.attribute, (value) => substrings(fold(value), filter));
    case 'bits':
      return any(attributes, filter.attribute, (value) => {
        if (!/^-?\d{1,19}$/.test(value)) return false;
        const bits = BigInt(value) & filter.mask;
        return filter.all ? bits === filter.mask : bits !== 0n;
      });
    default:
      return filter satisfies never;
  }
}

function any(attributes: Attributes, attribute: string, holds: (value: string) => boolean): boolean {
  return attributes.get(attribute)?.some((value) => holds(text(value))) === true;
}

function text(value: AttributeValue): string {
  return typeof value === 'string' ? value : value.toString('latin1');
}

const looksLikeDn = /^[A-Za-z][A-Za-z0-9-]*\s*=/;

function equal(attribute: string, value: string, wanted: string): boolean {
  if (fold(value) === wanted) return true;
  if (!looksLikeDn.test(value)) return false;
  if (looksLikeDn.test(wanted)) return dnKey(value) === dnKey(wanted);
  // Active Directory takes a class's short name for its DN.
  return attribute === 'objectcategory' && parseDn(value)?.[0]?.[0]?.value.toLowerCase() === wanted;
}

function compare(value: string, wanted: string): number {
  if (/^-?\d{1,19}$/.test(value) && /^-?\d{1,19}$/.test(wanted)) {
    const difference = BigInt(value) - BigInt(wanted);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  const folded = fold(value);
  return folded < wanted ? -1 : folded > wanted ? 1 : 0;
}

function substrings(value: string, { initial, any: middle, final }: Extract<Filter, { kind: 'substrings' }>): boolean {
  if (!value.startsWith(initial)) return false;
  let at = initial.length;
  for (const part of middle) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.length - final.length >= at && value.endsWith(final);
}

function fold(value: string): string {
  return value.toLowerCase().normalize('NFC').replace(/\s+/g, ' ');
}
