import { domainOf, smtpMailbox, splitAddress } from '../address.ts';
import { imceaAddress, imceaMailbox } from '../imcea.ts';
import { addressInDda, ddaAddress } from './dda.ts';
import { mixerAddress, mixerMailbox } from './mixer-mailbox.ts';
import { comparedAs, displayOf } from './typed-address.ts';
import { parseX400, x400Slashes } from './x400.ts';

/** One way an address can be written, and why it is that. */
export interface AddressForm {
  form: string; // `typed`, `compared as`, `IMCEA`, ...
  text: string;
  why: string;
}

export interface FormsOptions {
  /** Mail domains of ours, lower case: only theirs are taken apart again. */
  domains: readonly string[];
  /** The O/R address of our X.400 gateway. */
  x400Base: string;
}

/** Local parts over this length are refused by strict servers, RFC 5321 §4.5.3.1.1. */
const longestLocalPart = 64;

/**
 * Every form of an address that follows from the address itself; the directory's are not among them.
 *
 * @param address typed, as `parseAddress` gives it.
 */
export function addressForms(address: string, { domains, x400Base }: FormsOptions): AddressForm[] {
  const { type, value } = splitAddress(address);
  const forms: AddressForm[] = [
    { form: 'typed', text: address, why: 'as the line carries it' },
    {
      form: 'compared as',
      text: comparedAs(address),
      why: type === 'EX' ? 'EX and X500 are one name space' : 'letter case and loose blanks do not count',
    },
    { form: 'display', text: displayOf(address), why: 'what a person reads in it' },
  ];
  if (type === 'SMTP') return [...forms, ...carried(address, domains), ...asDda(address, x400Base)];

  const [domain = 'corp.example'] = domains;
  if (/^[A-Z0-9]{1,16}$/.test(type)) {
    const mailbox = imceaMailbox(address, domain);
    const isLong = mailbox.length - domain.length - 1 > longestLocalPart;
    forms.push({
      form: 'IMCEA',
      text: mailbox,
      why: `how Internet mail reaches it through us, MS-OXCMAIL 2.1.3.1.8${isLong ? `; over ${longestLocalPart} characters before the @, which some servers refuse: give it a proxy address` : ''}`,
    });
  }
  if (type !== 'X400') return [...forms, ...asDda(address, x400Base)];
  const read = parseX400(value);
  const inside = addressInDda(address, x400Base);
  return [
    ...forms,
    ...(read.ok ? [{ form: 'slashes', text: x400Slashes(read.value), why: 'RFC 2156 §4.1' }] : []),
    ...optional('MIXER mailbox', mixerMailbox(value, domain), 'the slash form before the @, RFC 2156 §4.3'),
    ...optional('carries', inside, 'in a domain-defined attribute on the address of our X.400 gateway'),
  ];
}

function carried(address: string, domains: readonly string[]): AddressForm[] {
  const mailbox = smtpMailbox(address) ?? '';
  const local = mailbox.slice(0, Math.max(0, mailbox.lastIndexOf('@')));
  const domain = domainOf(address) ?? '';
  const inside = imceaAddress(local) ?? mixerAddress(local);
  if (inside === undefined) return [];
  if (!domains.includes(domain)) {
    return [
      { form: 'carries', text: '(not taken apart)', why: `${domain} is no domain of ours: what stands before its @ is its own business` },
    ];
  }
  return [{ form: 'carries', text: inside, why: `encapsulated at ${domain}, which is ours` }];
}

function asDda(address: string, base: string): AddressForm[] {
  return optional('X.400', ddaAddress(address, base), 'how X.400 mail reaches it, RFC 2156 §4.3');
}

function optional(form: string, text: string | undefined, why: string): AddressForm[] {
  return text === undefined ? [] : [{ form, text, why }];
}
