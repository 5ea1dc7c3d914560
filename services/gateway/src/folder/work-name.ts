import { newRootId, timeOfId } from '@mailrail/mail';
import type { FileName } from './layout.ts';

/** A file in WORK: the identity its mail has or will have, and what the file was called in IN. */
export interface Claimed {
  rootId: string;
  name: FileName; // at most 200 bytes
}

/** Leaves room in 255 bytes for the identity before and `.report.json` behind. */
const maxNameBytes = 200;
const form = /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})~([^\0]+)$/s;

/** `scan.eml` -> a new identity and the name; of a name over 200 bytes the end, where its extension is. */
export function newClaim(name: FileName): Claimed {
  return { rootId: newRootId(), name: name.slice(-maxNameBytes) };
}

/** `01990000-...~scan.eml`: where recovery finds the identity (S4). */
export function workName({ rootId, name }: Claimed): FileName {
  return `${rootId}~${name}`;
}

/** @returns `undefined` for a name that no claim has made. */
export function parseWorkName(name: FileName): Claimed | undefined {
  const found = form.exec(name);
  return found === null ? undefined : { rootId: found[1] ?? '', name: found[2] ?? '' };
}

/** How old an identity is, in milliseconds. */
export function ageOf({ rootId }: Claimed, now: number): number {
  return now - (timeOfId(rootId) ?? now);
}

/** Names that a writer has for what is not finished; nothing else says so, so these are never taken. */
export function isUnfinished(name: FileName): boolean {
  return name.startsWith('.') || /(?:\.(?:tmp|temp|part|partial|filepart)|~)$/i.test(name);
}
