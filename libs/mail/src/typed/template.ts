import { good, type Read, wrong } from './address-read.ts';
import { parseAddress } from './typed-address.ts';

/** What a template may take of a person. */
export interface PersonNames {
  given?: string; // %g
  initials?: string; // %i
  surname?: string; // %s
  display?: string; // %d
  alias: string; // %m
}

type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'field'; field: keyof PersonNames; max: number }
  | { kind: 'replace'; from: string; to: string };

/** A template that was read: its type, and what it is made of. */
export interface AddressTemplate {
  type: string;
  pieces: readonly Piece[];
}

const fields: Readonly<Record<string, keyof PersonNames>> = { g: 'given', i: 'initials', s: 'surname', d: 'display', m: 'alias' };

/**
 * Reads a template of proxy addresses: `SMTP:%g.%s@corp.example`, `MS:NET/PO1/%8m`, with the variables Exchange's recipient policies
 * have: `%g` given name, `%i` initials, `%s` surname, `%d` display name, `%m` alias, `%3s` the first three letters, `%%` a percent
 * sign; `%rxy` from there on writes `y` for `x` in what a variable gives, and leaves `x` out when both are the same.
 */
export function parseTemplate(written: string): Read<AddressTemplate> {
  const [head = '', type = ''] = /^([A-Za-z0-9-]{1,16}):/.exec(written) ?? [];
  if (type === '') return wrong('a template begins with a type, as SMTP:%m@corp.example');
  const pieces: Piece[] = [];
  const rest = written.slice(head.length);
  for (let at = 0; at < rest.length; ) {
    const character = rest[at] ?? '';
    if (character !== '%') {
      const end = rest.indexOf('%', at);
      const text = rest.slice(at, end < 0 ? rest.length : end);
      pieces.push({ kind: 'text', text });
      at += text.length;
      continue;
    }
    const [all, digits = '', letter = ''] = /^%(\d{0,2})([gisdmr%])/.exec(rest.slice(at, at + 4)) ?? [];
    if (all === undefined) return wrong(`"${rest.slice(at, at + 2)}" is no variable; there are %g %i %s %d %m %rxy and %%`);
    at += all.length;
    const field = fields[letter];
    if (letter === '%') pieces.push({ kind: 'text', text: '%' });
    else if (field !== undefined) {
      if (digits !== '' && Number(digits) === 0) return wrong('a variable of no letters');
      pieces.push({ kind: 'field', field, max: digits === '' ? Number.POSITIVE_INFINITY : Number(digits) });
    } else {
      const [from, to] = [rest[at], rest[at + 1]];
      if (from === undefined || to === undefined) return wrong('%r needs two characters behind it');
      pieces.push({ kind: 'replace', from, to });
      at += 2;
    }
  }
  return good({ type: type.toUpperCase(), pieces });
}

/**
 * A person's address by a template. Characters the type cannot carry are left out, as Exchange did: of `Mark M. Clark`, `%d` makes
 * `MarkMClark` and `%r._%d` makes `MarkM_Clark`. An SMTP template without anything before the `@` means `%m`.
 *
 * @returns the typed address, or why these names make none (a person without surname, a name in letters the type does not have).
 */
export function addressByTemplate({ type, pieces }: AddressTemplate, person: PersonNames): Read<string> {
  const valid = validFor(type);
  const replacements = new Map<string, string>();
  let text = '';
  for (const piece of pieces) {
    if (piece.kind === 'text') text += piece.text;
    // One whose new character the type does not have is ignored whole.
    else if (piece.kind === 'replace') {
      if (piece.from === piece.to) replacements.set(piece.from, '');
      else if (valid(piece.to) || piece.to === '.') replacements.set(piece.from, piece.to);
    } else text += taken(person[piece.field] ?? '', piece.max, valid, replacements);
  }
  if (type === 'SMTP') {
    const at = text.lastIndexOf('@');
    const local = (at < 0 ? text : text.slice(0, at)).replaceAll(/\.{2,}/g, '.').replaceAll(/^\.|\.$/g, '');
    const domain = at < 0 ? '' : text.slice(at);
    const alias = taken(person.alias, Number.POSITIVE_INFINITY, (character) => valid(character) || character === '.', new Map());
    text = `${local === '' ? alias : local}${domain}`;
  }
  return parseAddress(`${type}:${text}`);
}

function taken(name: string, max: number, valid: (character: string) => boolean, replacements: ReadonlyMap<string, string>): string {
  let kept = '';
  let count = 0;
  for (const character of name) {
    if (count >= max) break;
    const replaced = replacements.get(character);
    if (replaced === undefined && !valid(character)) continue;
    kept += replaced ?? character;
    if (replaced !== '') count += 1;
  }
  return kept;
}

function validFor(type: string): (character: string) => boolean {
  if (type === 'SMTP') return (character) => /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]$/.test(character);
  if (type === 'X400') return (character) => /^[A-Za-z0-9 '()+,\-.:=?]$/.test(character);
  if (type === 'MS' || type === 'NOTES') return (character) => !/^[\p{Cc}/@]$/u.test(character);
  if (type === 'GWISE') return (character) => !/^[\p{Cc}.]$/u.test(character);
  return (character) => !/^\p{Cc}$/u.test(character);
}

/**
 * Addresses a template gives to more than one of these people. A template must tell people apart; this says where it does not.
 *
 * @returns each such address once, with the aliases of its people.
 */
export function templateClashes(
  template: AddressTemplate,
  people: readonly PersonNames[],
  comparedAs: (address: string) => string,
): { address: string; aliases: string[] }[] {
  const byKey = new Map<string, { address: string; aliases: string[] }>();
  for (const person of people) {
    const read = addressByTemplate(template, person);
    if (!read.ok) continue;
    const key = comparedAs(read.value);
    const before = byKey.get(key);
    if (before === undefined) byKey.set(key, { address: read.value, aliases: [person.alias] });
    else before.aliases.push(person.alias);
  }
  return [...byKey.values()].filter(({ aliases }) => aliases.length > 1);
}
