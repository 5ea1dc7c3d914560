import { isUtf8 } from 'node:buffer';
import {
  AndFilter,
  ApproximateFilter,
  EqualityFilter,
  ExtensibleFilter,
  type Filter,
  GreaterThanEqualsFilter,
  LessThanEqualsFilter,
  NotFilter,
  OrFilter,
  PresenceFilter,
  SubstringFilter,
} from 'ldapts';

const maxLength = 65_536;
const maxDepth = 64;

/** The chain of Active Directory's links: on another server this rule finds nobody, and says nothing. */
const activeDirectoryRules = new Set(['1.2.840.113556.1.4.1941', '1.2.840.113556.1.4.2253']);

/**
 * Reads the text of a filter (RFC 4515), as it stands in a query-based group, with blanks between its parts as Active Directory
 * allows them. What is not whole is refused: half a filter would find other people.
 *
 * @param options `activeDirectory`: whether its own matching rules may be asked.
 * @returns the filter, or what is wrong with the text.
 */
export function filterFromText(
  text: string,
  { activeDirectory }: { activeDirectory: boolean },
): { ok: true; filter: Filter } | { ok: false; reason: string } {
  if (text.length > maxLength) return { ok: false, reason: `the filter is longer than ${maxLength} characters` };
  const reader = new FilterReader(text, activeDirectory);
  try {
    return { ok: true, filter: reader.all() };
  } catch (error) {
    if (error instanceof FilterTextError) return { ok: false, reason: `the filter does not parse: ${error.message}` };
    throw error;
  }
}

class FilterTextError extends Error {}

class FilterReader {
  readonly #text: string;
  readonly #activeDirectory: boolean;
  #at = 0;
  constructor(text: string, activeDirectory: boolean) {
    this.#text = text;
    this.#activeDirectory = activeDirectory;
  }

  all(): Filter {
    const filter = this.#filter(0);
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#wrong('the end expected');
    return filter;
  }

  #filter(depth: number): Filter {
    if (depth > maxDepth) throw this.#wrong(`nested deeper than ${maxDepth}`);
    this.#blanks();
    this.#expect('(');
    this.#blanks();
    const sign = this.#text[this.#at];
    let filter: Filter;
    if (sign === '&' || sign === '|') {
      this.#at += 1;
      const filters: Filter[] = [];
      for (this.#blanks(); this.#text[this.#at] === '('; this.#blanks()) filters.push(this.#filter(depth + 1));
      filter = sign === '&' ? new AndFilter({ filters }) : new OrFilter({ filters }); // none at all: true and false, RFC 4526
    } else if (sign === '!') {
      this.#at += 1;
      filter = new NotFilter({ filter: this.#filter(depth + 1) });
      this.#blanks();
    } else filter = this.#item();
    this.#expect(')');
    return filter;
  }

  #item(): Filter {
    const rest = this.#text.slice(this.#at, this.#at + 300);
    const [, attribute = ''] = /^([A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*|\d+(?:\.\d+)*)?\s*/.exec(rest) ?? [];
    this.#at += attribute.length;
    this.#blanks();
    const [operator, isDn, rule] = /^(?:>=|<=|~=|=|(:dn)?(?::([A-Za-z0-9.-]+))?:=)/i.exec(this.#text.slice(this.#at, this.#at + 300)) ?? [];
    if (operator === undefined || (attribute === '' && !operator.startsWith(':'))) throw this.#wrong('`attribute=value` expected');
    this.#at += operator.length;
    const end = this.#text.indexOf(')', this.#at);
    const raw = this.#text.slice(this.#at, end < 0 ? this.#text.length : end);
    if (raw.includes('(')) throw this.#wrong('a parenthesis in a value must be escaped');
    const filter = operator.startsWith(':')
      ? this.#extensible(attribute, isDn !== undefined, rule, raw)
      : this.#simple(attribute, operator, raw);
    this.#at += raw.length;
    return filter;
  }

  #simple(attribute: string, operator: string, raw: string): Filter {
    switch (operator) {
      case '>=':
        return new GreaterThanEqualsFilter({ attribute, value: this.#string(raw) });
      case '<=':
        return new LessThanEqualsFilter({ attribute, value: this.#string(raw) });
      case '~=':
        return new ApproximateFilter({ attribute, value: this.#string(raw) });
      default: {
        if (!raw.includes('*')) return new EqualityFilter({ attribute, value: this.#value(raw) });
        const parts = raw.split('*').map((part) => this.#string(part));
        if (parts.every((part) => part.trim() === '')) return new PresenceFilter({ attribute });
        const any = parts.slice(1, -1).filter((part) => part !== '');
        return new SubstringFilter({ attribute, initial: parts[0] ?? '', any, final: parts.at(-1) ?? '' });
      }
    }
  }

  #extensible(attribute: string, dnAttributes: boolean, rule: string | undefined, raw: string): Filter {
    if (attribute === '' && rule === undefined) throw this.#wrong('an attribute or a matching rule expected');
    if (rule !== undefined && !this.#activeDirectory && activeDirectoryRules.has(rule))
      throw this.#wrong('a matching rule that only Active Directory has');
    return new ExtensibleFilter({ matchType: attribute, dnAttributes, ...(rule === undefined ? {} : { rule }), value: this.#string(raw) });
  }

  /** Bytes that are no text can be asked for equality only. */
  #value(raw: string): string | Buffer {
    const bytes = this.#bytes(raw);
    return typeof bytes === 'string' ? bytes : isUtf8(bytes) ? bytes.toString('utf8') : bytes;
  }

  #string(raw: string): string {
    const value = this.#value(raw);
    if (typeof value !== 'string') throw this.#wrong('bytes that are no text');
    return value;
  }

  /** Escapes are bytes of UTF-8, RFC 4515 §3. */
  #bytes(raw: string): string | Buffer {
    if (!raw.includes('\\')) return raw;
    const parts: Buffer[] = [];
    for (let from = 0; from < raw.length; ) {
      const slash = raw.indexOf('\\', from);
      if (slash < 0) {
        parts.push(Buffer.from(raw.slice(from)));
        break;
      }
      const pair = raw.slice(slash + 1, slash + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(pair)) throw this.#wrong('`\\` must be followed by two hex digits');
      parts.push(Buffer.from(raw.slice(from, slash)), Buffer.from(pair, 'hex'));
      from = slash + 3;
    }
    return Buffer.concat(parts);
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) throw this.#wrong(`\`${character}\` expected`);
    this.#at += 1;
  }

  #blanks(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #wrong(what: string): FilterTextError {
    return new FilterTextError(`${what} at character ${this.#at + 1}`);
  }
}
