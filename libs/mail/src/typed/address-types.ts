import { smtpAddress } from '../address.ts';
import { parseMailbox } from '../mailbox.ts';
import { good, type Read, squeezed, unprintable, wrong } from './address-read.ts';
import { parseX400, x400Semicolons } from './x400.ts';

/** What is known of one type of address. */
export interface AddressType {
  name: string;
  /** The value in its one written form, or why it is none. */
  parse(value: string): Read<string>;
  /** The form equal values share; only for values that `parse` gave. */
  key(value: string): string;
  /** What a person would call it. */
  display(value: string): string;
}

const folded = (value: string): string => squeezed(value).normalize('NFC').toLowerCase();
const asIs = (value: string): string => value;

/** A value any type may have: text without control characters, and not empty. */
function text(value: string): Read<string> {
  if (value.trim() === '') return wrong('it is empty');
  return unprintable.test(value) ? wrong('it has a control character') : good(value);
}

const smtp: AddressType = {
  name: 'SMTP',
  parse(value) {
    if (value.toLowerCase() === 'postmaster') return good(value);
    return parseMailbox(value) === undefined ? wrong('it is no mailbox such as ada@corp.example') : good(smtpAddress(value).slice(5));
  },
  key: (value) => value.normalize('NFC').toLowerCase(),
  display: asIs,
};

const x400: AddressType = {
  name: 'X400',
  parse(value) {
    const read = parseX400(value);
    return read.ok ? good(x400Semicolons(read.value)) : read;
  },
  key: folded,
  display(value) {
    const read = parseX400(value);
    if (!read.ok) return value;
    const of = (name: string): string => read.value.find((one) => one.name === name)?.value ?? '';
    const person = squeezed(`${of('g')} ${of('i')} ${of('s')} ${of('q')}`);
    return person === '' ? of('cn') || of('o') || value : person;
  },
};

const maxMsPart = 10;
const ms: AddressType = {
  name: 'MS',
  parse(value) {
    const parts = value.split('/').map((part) => squeezed(part));
    if (parts.length !== 3) return wrong(`it has ${parts.length} parts between slashes, not NETWORK/POSTOFFICE/MAILBOX`);
    const names = ['network', 'post office', 'mailbox'];
    const at = parts.findIndex((part) => part === '' || part.length > maxMsPart);
    if (at >= 0) return wrong(`the ${names[at] ?? ''} "${parts[at] ?? ''}" must have 1 to ${maxMsPart} characters`);
    return text(parts.join('/'));
  },
  key: folded,
  display: (value) => value.slice(value.lastIndexOf('/') + 1),
};

const ccmail: AddressType = {
  name: 'CCMAIL',
  parse(value) {
    const split = value.toLowerCase().lastIndexOf(' at ');
    const name = squeezed(value.slice(0, Math.max(0, split)));
    const office = squeezed(value.slice(split + 4));
    if (split < 0 || name === '' || office === '') return wrong('it is not NAME at POSTOFFICE');
    return text(`${name} at ${office}`);
  },
  key: folded,
  display: (value) => value.slice(0, value.lastIndexOf(' at ')),
};

const maxNotesParts = 7; // common name, four units, organization, country
const notes: AddressType = {
  name: 'NOTES',
  /** The canonical form (`CN=Ada Ex/OU=Ops/O=Acme`) becomes the abbreviated one, which people write. */
  parse(value) {
    const at = value.indexOf('@');
    const name = at < 0 ? value : value.slice(0, at);
    const domains = at < 0 ? [] : value.slice(at + 1).split('@');
    const parts = name.split('/').map((part) => squeezed(part.replace(/^\s*(?:CN|OU|O|C)\s*=/i, '')));
    if (parts.includes('')) return wrong('a part of the name is empty');
    if (parts.length > maxNotesParts) return wrong(`the name has more than ${maxNotesParts} parts`);
    if (domains.some((domain) => domain.trim() === '')) return wrong('a domain behind "@" is empty');
    return text([parts.join('/'), ...domains.map((domain) => squeezed(domain))].join('@'));
  },
  key: folded,
  display: (value) => value.split(/[/@]/, 1)[0] ?? value,
};

const gwise: AddressType = {
  name: 'GWISE',
  /** A dot inside the user's part is his: the first two dots part the address. */
  parse(value) {
    const [domain = '', office = '', ...rest] = value.split('.').map((part) => squeezed(part));
    const user = rest.join('.');
    if (domain === '' || office === '' || user === '') return wrong('it is not DOMAIN.POSTOFFICE.USER');
    return text(`${domain}.${office}.${user}`);
  },
  key: folded,
  display: (value) => value.split('.').slice(2).join('.'),
};

const distinguished = (name: string): AddressType => ({
  name,
  parse(value) {
    if (!value.startsWith('/')) return wrong('it does not begin with "/o="');
    const bad = value
      .slice(1)
      .split('/')
      .find((part) => !/^[A-Za-z][A-Za-z0-9.-]*=./s.test(part));
    return bad === undefined ? text(value) : wrong(`"${bad}" is no part such as cn=Name`);
  },
  key: folded,
  display: (value) => value.slice(value.lastIndexOf('=') + 1),
});

const fax: AddressType = {
  name: 'FAX',
  parse(value) {
    const number = value.slice(value.lastIndexOf('@') + 1);
    if (!/^[-+0-9 ().,*#/wWpP]{1,64}$/.test(number) || !/\d/.test(number)) return wrong('it has no number such as +49 30 5550100');
    return text(value.trim());
  },
  key: (value) => {
    const at = value.lastIndexOf('@');
    return `${folded(value.slice(0, Math.max(0, at)))}@${value.slice(at + 1).replaceAll(/[^0-9+*#]/g, '')}`;
  },
  display: (value) => (value.includes('@') ? value.slice(0, value.lastIndexOf('@')) : value),
};

/** A type nobody here knows is kept as it is: it may be known behind the next gateway. */
const unknown = (name: string): AddressType => ({ name, parse: text, key: folded, display: asIs });

const known = new Map(
  [smtp, x400, ms, ccmail, notes, gwise, distinguished('EX'), distinguished('X500'), fax].map((one) => [one.name, one]),
);

/** @param name in any letter case. */
export function addressType(name: string): AddressType {
  return known.get(name.toUpperCase()) ?? unknown(name.toUpperCase());
}

/** Types that have a grammar here. */
export const knownTypes: readonly string[] = [...known.keys()];
