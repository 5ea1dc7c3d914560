import type { Entry } from '../port.ts';

/** A group while its members are worked: whether anything came of it. */
export interface GroupNode {
  id: string;
  /** Somebody got a copy, or a failure was told. */
  ends: boolean;
}

/** The objects a recipient passed, the last one first. */
export interface Trail {
  id: string;
  kind: 'group' | 'forward';
  keeps: boolean; // a mailbox that kept a copy
  group?: GroupNode;
  up: Trail | undefined;
}

/**
 * What it means that an object is reached again on its own way.
 *
 * `harmless`: groups that contain each other, or somebody on the way kept a copy: the second visit is a duplicate.
 * `broken`: objects that only forward, to each other: nobody would ever get it (5.4.6).
 * A group: forwarding goes through it, so it depends on whether anything comes of that group.
 */
export function closedBy(trail: Trail | undefined, entry: Pick<Entry, 'id' | 'primary'>): 'no' | 'harmless' | 'broken' | GroupNode {
  let forwards = false;
  let keeps = false;
  let passed: Trail | undefined;
  for (let at = trail; at !== undefined; at = at.up) {
    if (at.kind === 'forward') forwards = true;
    else passed = at;
    keeps ||= at.keeps;
    if (at.id !== entry.id && at.id !== viaId(entry.primary)) continue;
    if (keeps || !forwards) return 'harmless';
    if (passed === undefined) return 'broken';
    return passed.group ?? 'harmless'; // expanded by another mail, which has its own outcome
  }
  return 'no';
}

/** Whether somebody on the way kept a copy. */
export function keptOn(trail: Trail | undefined): boolean {
  for (let at = trail; at !== undefined; at = at.up) if (at.keeps) return true;
  return false;
}

/** Something came of every group on the way. */
export function markEnds(trail: Trail | undefined): void {
  for (let at = trail; at !== undefined; at = at.up) {
    if (at.group === undefined) continue;
    if (at.group.ends) return;
    at.group.ends = true;
  }
}

/** The groups a mail came through stand at the beginning of every trail, by their addresses. */
export function trailOf(expandedVia: readonly string[]): Trail | undefined {
  return expandedVia.reduce<Trail | undefined>((up, address) => ({ id: viaId(address) ?? '', kind: 'group', keeps: false, up }), undefined);
}

function viaId(address: string | undefined): string | undefined {
  return address === undefined ? undefined : `via:${address.toLowerCase()}`;
}
