import type { Entry } from '../port.ts';

/** An object of the directory that is met once for a mail, and whether anything came of it. */
export interface Visit {
  /** Somebody got a copy, or a failure was told. */
  ends: boolean;
}

/** Of whoever does not forward something comes for certain: a copy, or a failure that is told. One for all of them. */
export const certain: Visit = { ends: true };

/** The objects a recipient passed, the last one first. */
export interface Trail {
  id: string;
  kind: 'group' | 'forward';
  keeps: boolean; // a mailbox that kept a copy
  visit?: Visit;
  up: Trail | undefined;
}

/**
 * What it means that an object is reached again on its own way.
 *
 * `harmless`: groups that contain each other, or somebody on the way kept a copy: the second visit is a duplicate.
 * `broken`: objects that only forward, to each other: nobody would ever get it (5.4.6).
 * A visit: forwarding goes through a group, so it depends on whether anything comes of that.
 */
export function closedBy(trail: Trail | undefined, entry: Pick<Entry, 'id' | 'primary'>): 'no' | 'harmless' | 'broken' | Visit {
  let forwards = false;
  let keeps = false;
  let group: Trail | undefined;
  const via = viaId(entry.primary);
  for (let at = trail; at !== undefined; at = at.up) {
    if (at.kind === 'forward') forwards = true;
    else group = at;
    keeps ||= at.keeps;
    if (at.id !== entry.id && at.id !== via) continue;
    if (keeps || !forwards) return 'harmless';
    if (group === undefined) return 'broken';
    return group.visit ?? 'harmless'; // expanded by another mail, which has its own outcome
  }
  return 'no';
}

/** Whether the last one on the way who forwarded has nothing yet of what he forwarded. */
export function isLost(trail: Trail | undefined): boolean {
  for (let at = trail; at !== undefined; at = at.up) if (at.kind === 'forward') return at.visit?.ends === false;
  return false;
}

/** Something came of every visit on the way. @returns those for which this is new. */
export function markEnds(trail: Trail | undefined): Visit[] {
  const marked: Visit[] = [];
  for (let at = trail; at !== undefined; at = at.up) {
    if (at.visit === undefined || at.visit === certain) continue;
    if (at.visit.ends) break; // then what is above ends, too
    at.visit.ends = true;
    marked.push(at.visit);
  }
  return marked;
}

/** The groups a mail came through stand at the beginning of every trail, by their addresses. */
export function trailOf(expandedVia: readonly string[]): Trail | undefined {
  return expandedVia.reduce<Trail | undefined>((up, address) => ({ id: viaId(address) ?? '', kind: 'group', keeps: false, up }), undefined);
}

function viaId(address: string | undefined): string | undefined {
  return address === undefined ? undefined : `via:${address.toLowerCase()}`;
}
