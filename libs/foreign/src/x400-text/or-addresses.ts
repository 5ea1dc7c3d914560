import { addressInDda, type Read, parseAddress, parseX400, x400Semicolons } from '@mailrail/mail';

/** Attributes X.400 has in text, RFC 2156 §4.1; what is none of them is kept as a domain-defined one. */
const known = /^(?:C|ADMD|A|PRMD|P|O|OU|OU[1-4]|S|G|I|Q|GQ|CN|X121|X\.121|T-ID|UA-ID|N-ID|DD\..{1,8}|DDA:.{1,8})$/i;

export interface OrAddress {
  address: string; // typed
  notes: string[];
}

/**
 * An O/R address as text. One that carries an Internet address (`DD.RFC-822=bo(a)example.net`) is that address: whoever hands us the
 * file takes us for its gateway to the Internet (RFC 2156 §4.3).
 */
export function orAddress(text: string): Read<OrAddress> {
  const notes: string[] = [];
  const written = text.trim().startsWith('/') ? withoutUnknown(text.trim(), notes) : text.trim();
  const read = parseAddress(/^[A-Za-z0-9-]{1,16}:/.test(written) || /^[^/=]+@/.test(written) ? written : `X400:${written}`);
  if (!read.ok) return read;
  return { ok: true, value: { address: internetIn(read.value) ?? read.value, notes } };
}

/** `/A=1/, /B=2/`: a comma between two slashes parts the entries; entries with semicolons stand alone. */
export function orAddresses(value: string): string[] {
  return value
    .split(/(?<=\/)\s*,\s*(?=\/)/)
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function internetIn(address: string): string | undefined {
  const read = address.startsWith('X400:') ? parseX400(address.slice(5)) : undefined;
  if (read?.ok !== true) return undefined;
  const base = x400Semicolons(read.value.filter(({ name }) => !name.startsWith('dda:')));
  const carried = addressInDda(address, base);
  const inside = carried?.startsWith('SMTP:') === true ? parseAddress(carried) : undefined;
  return inside?.ok === true ? inside.value : undefined;
}

function withoutUnknown(text: string, notes: string[]): string {
  return text.replaceAll(/(?<=\/)([A-Za-z][A-Za-z0-9.-]{0,7})=/g, (all, name: string, at: number) => {
    if (known.test(name) || text[at - 2] === '$') return all;
    notes.push('unknown-attribute');
    return `DD.${name}=`;
  });
}
