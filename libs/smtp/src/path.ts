/** A parsed path, RFC 5321 §4.1.2. */
export type Path =
  | { ok: true; mailbox: string; local: string; domain: string }
  /** `utf8`: the address would be right under SMTPUTF8. */
  | { ok: false; reason: 'syntax' | 'malformed' | 'utf8' };

export interface PathRules {
  /** The empty path `<>` is allowed: MAIL. `mailbox` is then empty. */
  empty?: boolean;
  /** `<postmaster>` without a domain is allowed: RCPT (RFC 5321 §4.5.1). `domain` is then empty. */
  barePostmaster?: boolean;
  /** SMTPUTF8 was declared: characters beyond ASCII are allowed (RFC 6531 §3.3). */
  utf8?: boolean;
}

/**
 * Longest parts taken. The standard's 64 for the local part is what every server must take, not what it must refuse; real
 * addresses that carry another address in them are longer.
 */
export const maxLocalBytes = 255;
export const maxDomainBytes = 255;

/**
 * Parses `<[route:]mailbox>` with its brackets. A source route is stripped (RFC 5321 Appendix C), the domain keeps its case, a
 * quoted local part that needs no quotes loses them, so that equal addresses are equal texts.
 *
 * @returns `syntax` when it is no path at all, `malformed` when the address in it is not one.
 */
export function parsePath(text: string, rules: PathRules = {}): Path {
  if (text.length < 2 || !text.startsWith('<') || !text.endsWith('>')) return { ok: false, reason: 'syntax' };
  let inner = text.slice(1, -1);
  if (inner === '') return rules.empty === true ? { ok: true, mailbox: '', local: '', domain: '' } : { ok: false, reason: 'malformed' };
  if (inner.startsWith('@')) {
    const route = /^@[^,:\s<>"]+(?:,@[^,:\s<>"]+)*:/.exec(inner);
    if (
      route === null ||
      !route[0]
        .slice(1, -1)
        .split(',@')
        .every((domain) => isDomain(domain, rules.utf8 === true))
    ) {
      return { ok: false, reason: 'malformed' };
    }
    inner = inner.slice(route[0].length);
  }
  return parseMailbox(inner, rules);
}

/** Parses a mailbox without brackets; see `parsePath`. */
export function parseMailbox(text: string, rules: PathRules = {}): Path {
  const allowed = rules.utf8 === true;
  const found = split(text);
  if (found === undefined) return { ok: false, reason: 'malformed' };
  const { local, domain } = found;
  if (domain === undefined) {
    const postmaster = rules.barePostmaster === true && local.toLowerCase() === 'postmaster';
    return postmaster ? { ok: true, mailbox: local, local, domain: '' } : { ok: false, reason: 'malformed' };
  }
  if (!isLocal(local, true) || !isDomain(domain, true)) return { ok: false, reason: 'malformed' };
  if (!allowed && beyondAscii.test(text)) return { ok: false, reason: 'utf8' };
  return { ok: true, mailbox: `${local}@${domain}`, local, domain };
}

const atom = "A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-";
const dotString = new RegExp(`^[${atom}]+(?:\\.[${atom}]+)*$`);
const dotStringUtf8 = new RegExp(`^[${atom}\\u00a0-\\u{10ffff}]+(?:\\.[${atom}\\u00a0-\\u{10ffff}]+)*$`, 'u');
// Quoted-string of §4.1.2: printable ASCII and space, `"` and `\` only behind a backslash; characters beyond ASCII by RFC 6531 §3.3.
const quotedString = /^"((?:[ !#-[\]-~\u00a0-\u{10ffff}]|\\[ -~])*)"/u;
const beyondAscii = /\P{ASCII}/u;
// Characters that print nothing or turn a line around have no business in an address.
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Noncharacter_Code_Point}\u{e0000}-\u{e0fff}\ufffd]/u;

function split(text: string): { local: string; domain: string | undefined } | undefined {
  if (!text.startsWith('"')) {
    const at = text.lastIndexOf('@');
    return at < 0 ? { local: text, domain: undefined } : { local: text.slice(0, at), domain: text.slice(at + 1) };
  }
  const quoted = quotedString.exec(text);
  if (quoted === null) return undefined;
  const plain = (quoted[1] ?? '').replace(/\\(.)/g, '$1');
  const local = dotStringUtf8.test(plain) ? plain : `"${plain.replace(/["\\]/g, '\\$&')}"`;
  const rest = text.slice(quoted[0].length);
  if (rest === '') return { local, domain: undefined };
  return rest.startsWith('@') ? { local, domain: rest.slice(1) } : undefined;
}

function isLocal(local: string, utf8: boolean): boolean {
  if (local.length > maxLocalBytes || invisible.test(local)) return false;
  if (dotString.test(local)) return true;
  if (utf8 && beyondAscii.test(local) && Buffer.byteLength(local) > maxLocalBytes) return false;
  return (utf8 && dotStringUtf8.test(local)) || quotedString.exec(local)?.[0].length === local.length;
}

/** A domain name or an address literal. Underscores are let pass: names with them exist. */
export function isDomain(domain: string, utf8 = false): boolean {
  if (domain.startsWith('[')) return isLiteral(domain);
  if (domain.length === 0 || domain.length > maxDomainBytes || invisible.test(domain)) return false;
  return domain.split('.').every((label) => isLabel(label, utf8));
}

function isLabel(label: string, utf8: boolean): boolean {
  if (label.length === 0 || label.length > 63) return false;
  if (/^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/.test(label)) return true;
  return utf8 && /^[\p{L}\p{N}\p{M}_](?:[\p{L}\p{N}\p{M}\p{Pc}\p{Pd}\u00b7\u30fb]*[\p{L}\p{N}\p{M}_])?$/u.test(label);
}

/** `[192.0.2.1]`, `[IPv6:2001:db8::1]`, RFC 5321 §4.1.3. */
export function isLiteral(literal: string): boolean {
  const found = /^\[(?:IPv6:([0-9A-Fa-f:.]{2,45})|(\d{1,3}(?:\.\d{1,3}){3}))\]$/i.exec(literal);
  if (found === null) return false;
  return found[2] === undefined ? isIpv6(found[1] ?? '') : isIpv4(found[2]);
}

function isIpv4(text: string): boolean {
  return text.split('.').length === 4 && text.split('.').every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const lastColon = text.lastIndexOf(':');
  let groups = text;
  if (text.includes('.')) {
    if (!isIpv4(text.slice(lastColon + 1))) return false;
    groups = `${text.slice(0, lastColon + 1)}0:0`; // an IPv4 tail stands for two groups
  }
  const halves = groups.split('::');
  if (halves.length > 2) return false;
  const parts = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!parts.every((part) => /^[0-9A-Fa-f]{1,4}$/.test(part))) return false;
  return halves.length === 2 ? parts.length <= 7 : parts.length === 8;
}
