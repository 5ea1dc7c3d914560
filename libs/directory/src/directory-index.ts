import { addressKey } from '@mailrail/mail';
import { dnKey } from './dn.ts';
import { matches, parseFilter } from './filter.ts';
import type { Attributes } from './ldif.ts';
import type { Answer, Entry } from './port.ts';
import { indexKey } from './index-key.ts';

/** An entry with the attributes a filter may ask for. */
export interface Listed {
  entry: Entry;
  attributes: Attributes;
}

/** Entries in memory, found by address, by DN and by filter. It never changes. */
export interface DirectoryIndex {
  size: number;
  byAddress(addresses: readonly string[]): Map<string, Entry[]>;
  byDn(dns: readonly string[]): Map<string, Entry>;
  search(base: string, filter: string, limit: number): Promise<Answer<{ entries: Entry[]; complete: boolean }>>;
}

/** A search lets others run after so many entries. */
const searchTurn = 5_000;

export function directoryIndex(rows: readonly Listed[]): DirectoryIndex {
  const addresses = new Map<string, Entry | Entry[]>();
  const dns = new Map<string, number>(); // place in rows
  const containers = new Set<string>(); // every DN above an entry, whether it has an entry of its own or not
  const own = (key: string, entry: Entry) => {
    const before = addresses.get(key);
    if (before === undefined) addresses.set(key, entry);
    else if (Array.isArray(before)) {
      if (!before.includes(entry)) before.push(entry);
    } else if (before !== entry) addresses.set(key, [before, entry]);
  };
  rows.forEach(({ entry }, place) => {
    for (const address of entry.addresses) own(indexKey(address), entry);
    if (entry.legacyDn !== undefined && entry.kind !== 'other') own(indexKey(`EX:${entry.legacyDn}`), entry);
    const key = dnKey(entry.dn);
    dns.set(key, place);
    for (let above = parentOf(key); above !== undefined && !containers.has(above); above = parentOf(above)) containers.add(above);
  });

  return {
    size: rows.length,
    byAddress(asked) {
      const found = new Map<string, Entry[]>();
      for (const address of asked) {
        const owners = addresses.get(indexKey(address));
        if (owners !== undefined) found.set(addressKey(address), Array.isArray(owners) ? owners : [owners]);
      }
      return found;
    },
    byDn(asked) {
      const found = new Map<string, Entry>();
      for (const dn of asked) {
        const key = dnKey(dn);
        const place = dns.get(key);
        const row = place === undefined ? undefined : rows[place];
        if (row !== undefined) found.set(key, row.entry);
      }
      return found;
    },
    async search(base, text, limit) {
      const parsed = parseFilter(text);
      if (!parsed.ok) return { ok: false, reason: parsed.reason, bad: true };
      const baseKey = dnKey(base);
      if (baseKey !== '' && !dns.has(baseKey) && !containers.has(baseKey))
        return { ok: false, reason: 'the base of the search does not exist', bad: true };
      const below = `,${baseKey}`;
      const entries: Entry[] = [];
      let looked = 0;
      for (const [key, place] of dns) {
        looked += 1;
        if (looked % searchTurn === 0) await new Promise<void>((resolve) => setImmediate(resolve));
        if (baseKey !== '' && key !== baseKey && !key.endsWith(below)) continue;
        const row = rows[place];
        if (row === undefined || !matches(parsed.filter, row.attributes)) continue;
        if (entries.length >= limit) return { ok: true, value: { entries, complete: false } };
        entries.push(row.entry);
      }
      return { ok: true, value: { entries, complete: true } };
    },
  };
}

/** The key of the DN above; a comma that belongs to a name is escaped in a key. */
function parentOf(key: string): string | undefined {
  for (let at = key.indexOf(','); at >= 0; at = key.indexOf(',', at + 1)) {
    let slashes = 0;
    while (key[at - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return key.slice(at + 1);
  }
  return undefined;
}
