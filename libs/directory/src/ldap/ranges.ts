import { dnKey } from '../dn.ts';
import type { AttributeValue } from '../ldif.ts';
import { lru } from '../lru.ts';
import type { RawEntry } from './answers.ts';
import type { DirectoryPart } from './directory-part.ts';
import { LdapFailure } from './failure.ts';
import { everything } from './filters.ts';

/** How long the rest of an entry is remembered: whoever asked may have stopped waiting, and asks again. */
const rememberedMs = 30_000;
const rememberedValues = 2_000_000;

/**
 * Completes entries of which the server sent only the first values of an attribute: Active Directory gives 1,500 members of a
 * group and names the range (MS-ADTS 3.1.1.3.1.3.3). The rest is asked for range by range.
 *
 * @returns a function that puts the missing values into the entries it is given. @throws LdapFailure when they cannot be had.
 */
export function wholeEntries({ timeoutMs, maxMembers }: { timeoutMs: number; maxMembers: number }) {
  const known = lru<{ until: number; values: Promise<AttributeValue[]> }>(rememberedValues);

  const rest = (part: DirectoryPart, dn: string, name: string, from: number): Promise<AttributeValue[]> => {
    const key = `${dnKey(dn)} ${name.toLowerCase()} ${from}`;
    const before = known.get(key);
    if (before !== undefined && before.until > performance.now()) return before.values;
    const values = read(part, dn, name, from);
    known.set(key, { until: Number.POSITIVE_INFINITY, values });
    values.then(
      ({ length }) => known.set(key, { until: performance.now() + rememberedMs, values }, Math.max(1, length)),
      () => known.delete(key),
    );
    return values;
  };

  const read = async (part: DirectoryPart, dn: string, name: string, from: number): Promise<AttributeValue[]> => {
    const values: AttributeValue[] = [];
    let next: number | undefined = from;
    while (next !== undefined) {
      if (from + values.length > maxMembers) throw new LdapFailure('refused', `an entry has more than ${maxMembers} values of ${name}`);
      const attributes: string[] = [`${name};range=${next}-*`];
      const { entries } = await part.expansions.use(
        ({ search }, leftMs) => search({ base: dn, scope: 'base', filter: everything, attributes }, leftMs),
        { timeoutMs },
      );
      const [entry] = entries;
      const some = entry?.attributes.get(name.toLowerCase()) ?? [];
      const goesOn: number | undefined = [...(entry?.more ?? [])].find(
        ([attribute]) => attribute.toLowerCase() === name.toLowerCase(),
      )?.[1];
      // The entry changed or went while it was read: what there is of it is not the whole.
      if (entry === undefined || some.length === 0 || (goesOn !== undefined && goesOn <= next))
        throw new LdapFailure('broken', `the server stopped in the middle of ${name}`);
      for (const value of some) values.push(value);
      next = goesOn;
    }
    return values;
  };

  return async (part: DirectoryPart, entries: readonly RawEntry[]): Promise<void> => {
    for (const entry of entries) {
      for (const [name, from] of entry.more) {
        const values = await rest(part, entry.dn, name, from);
        const first = entry.attributes.get(name.toLowerCase()) ?? [];
        entry.attributes.set(name.toLowerCase(), [...first, ...values]);
      }
      entry.more.clear();
    }
  };
}
