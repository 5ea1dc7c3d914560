/** One attribute of a relative distinguished name, its value unescaped. */
export interface Ava {
  type: string;
  value: string;
}

/**
 * Reads a distinguished name, RFC 4514: `CN=Ada\, Countess,OU=Corp,DC=corp,DC=example`. Escapes by character and by hex pair
 * (UTF-8), `#hex` and quoted values (RFC 2253 §4) are understood, and blanks around `=`, `,` and `+`.
 *
 * @returns the RDNs, the entry's own first, each with one attribute or several (`+`); `undefined` for what is no DN.
 */
export function parseDn(text: string): Ava[][] | undefined {
  if (text.trim() === '') return [];
  const rdns: Ava[][] = [];
  let rdn: Ava[] = [];
  let at = 0;
  for (;;) {
    const equals = text.indexOf('=', at);
    if (equals < 0) return undefined;
    const type = text.slice(at, equals).trim();
    if (!/^([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)*)$/.test(type)) return undefined;
    const read = readValue(text, equals + 1);
    if (read === undefined) return undefined;
    rdn.push({ type, value: read.value });
    const separator = text[read.end];
    if (separator !== '+') {
      rdns.push(rdn);
      rdn = [];
    }
    if (separator === undefined) return rdns;
    at = read.end + 1;
  }
}

/** An attribute value from `start` to the next separator that is not escaped. */
function readValue(text: string, start: number): { value: string; end: number } | undefined {
  let at = start;
  while (text[at] === ' ') at += 1;
  const quoted = text[at] === '"';
  if (quoted) at += 1;
  const bytes: number[] = []; // of the hex pairs being read: they are UTF-8 and may make one character together
  let value = '';
  let keep = 0; // length that trailing blanks must not be cut below: an escaped blank counts
  const flush = () => {
    if (bytes.length === 0) return;
    value += Buffer.from(bytes).toString('utf8');
    bytes.length = 0;
    keep = value.length;
  };
  for (; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\\') {
      const pair = text.slice(at + 1, at + 3);
      if (/^[0-9a-fA-F]{2}$/.test(pair)) {
        bytes.push(Number.parseInt(pair, 16));
        at += 2;
        continue;
      }
      flush();
      const escaped = text[at + 1];
      if (escaped === undefined) return undefined;
      value += escaped;
      keep = value.length;
      at += 1;
      continue;
    }
    flush();
    if (quoted ? character === '"' : character === ',' || character === '+') break;
    value += character;
  }
  flush();
  if (quoted) {
    if (text[at] !== '"') return undefined;
    at += 1;
    while (text[at] === ' ') at += 1;
    if (at < text.length && text[at] !== ',' && text[at] !== '+') return undefined;
    return { value, end: at };
  }
  return { value: value.slice(0, keep) + value.slice(keep).trimEnd(), end: at };
}

/** What makes the quick way impossible: an escape, a quote, a hex value, several attributes in one RDN. */
const special = /[\\"#+]/;
/** As most servers write a DN: nothing to be done but the case. No other blanks than single ones inside of a value, nothing but ASCII. */
const canonical =
  /^[A-Za-z][A-Za-z0-9-]*=[!$-*\--<>-[\]-~]+(?: [!$-*\--<>-[\]-~]+)*(?:,[A-Za-z][A-Za-z0-9-]*=[!$-*\--<>-[\]-~]+(?: [!$-*\--<>-[\]-~]+)*)*$/;
const plainRdn = /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)\s*=\s*(.*?)\s*$/s;

/**
 * The form in which two DNs are compared: types and values in lower case and NFC, runs of blanks as one, one way of escaping.
 * Directories give DNs back re-cased and re-escaped, so a DN is never compared as it is written.
 *
 * @returns for what is no DN a key that no DN has.
 */
export function dnKey(dn: string): string {
  if (canonical.test(dn)) return dn.toLowerCase();
  if (dn.trim() === '') return '';
  if (!special.test(dn)) {
    let key = '';
    for (const part of dn.split(',')) {
      const found = plainRdn.exec(part);
      if (found === null) return `?${dn.toLowerCase()}`;
      const rdn = `${found[1] ?? ''}=${found[2] ?? ''}`;
      key += key === '' ? rdn : `,${rdn}`;
    }
    return folded(key);
  }
  const rdns = parseDn(dn);
  if (rdns === undefined) return `?${dn.toLowerCase()}`;
  return rdns
    .map((rdn) =>
      rdn
        .map(({ type, value }) => `${type.toLowerCase()}=${escaped(folded(value.trim()))}`)
        .sort()
        .join('+'),
    )
    .join(',');
}

function folded(text: string): string {
  const lower = text.toLowerCase().replace(/\s{2,}/g, ' ');
  return /^[\u0020-\u007e]*$/.test(lower) ? lower : lower.normalize('NFC');
}

function escaped(value: string): string {
  return value.replace(/[\\,+]/g, (character) => `\\${character}`);
}

/**
 * The server in a DN of something on a server: `CN=Mailbox Store (EX1),CN=First Storage Group,...,CN=EX1,CN=Servers,...` -> `EX1`,
 * the name below the container `Servers`; without such a container the name above the first.
 */
export function serverInDn(dn: string): string | undefined {
  const rdns = parseDn(dn);
  if (rdns === undefined) return undefined;
  const container = rdns.findIndex((rdn) => rdn[0]?.value.toLowerCase() === 'servers');
  return rdns[container > 0 ? container - 1 : 1]?.[0]?.value;
}

/** Whether a DN is that of a deleted object: Active Directory puts `\0ADEL:<GUID>` behind the name of a tombstone. */
export function isDeletedDn(dn: string): boolean {
  return /\\0a|\n/i.test(dn) && parseDn(dn)?.some((rdn) => rdn.some(({ value }) => value.includes('\nDEL:'))) === true;
}
