import { lstat, opendir } from 'node:fs/promises';
import { moveToBad } from './bad.ts';
import { moved, unlessGone } from './claims.ts';
import type { FileName, Layout } from './layout.ts';
import { isUnfinished, newClaim, parseWorkName, workName } from './work-name.ts';

export interface OrphanOptions {
  layout: Layout;
  report: { gateway: string; dialect: string };
  /** After this a file that no message names is told. Default 3,600,000. */
  tellMs?: number;
  /** After this it goes to BAD. Default 86,400,000. */
  badMs?: number;
}

/** What a look at ATT_IN found: names in bytes, one character each. */
export interface OrphansFound {
  told: { name: FileName; ageMs: number }[]; // each once
  bad: FileName[];
}

const maxNames = 100_000;

/**
 * Files in ATT_IN that nothing names. A message takes its files as soon as it is taken itself, so that a file that has been there for
 * long belongs to none, as long as no message has waited that long: with such a backlog nothing is judged.
 */
export function openOrphans({ layout, report, tellMs = 3_600_000, badMs = 86_400_000 }: OrphanOptions) {
  const known = new Set<FileName>();
  return {
    /** @param now by the clock of the file system, milliseconds since the epoch. */
    async look(now: number): Promise<OrphansFound> {
      const found: OrphansFound = { told: [], bad: [] };
      const here = await filesOlderThan(layout, 'ATT_IN', now - tellMs);
      for (const name of known) if (!here.has(name)) known.delete(name);
      if (here.size === 0 || (await isBehind(layout, now - tellMs))) return found;
      for (const [name, since] of here) {
        if (now - since >= badMs) {
          // By way of WORK, as every file that goes to BAD: a crash between leaves a claim, which is no message and ends there too.
          const claimed = newClaim(name);
          if (!(await moved(layout.path('ATT_IN', name), layout.path('WORK', workName(claimed))))) continue;
          const reason = 'it lay in ATT_IN, and no message named it';
          found.bad.push(await moveToBad(layout, claimed, { ...report, at: Date.now(), code: 'unrecognised', reason, where: 'ATT_IN' }));
        } else if (!known.has(name)) {
          known.add(name);
          found.told.push({ name, ageMs: now - since });
        }
      }
      return found;
    },
  };
}

async function isBehind(layout: Layout, before: number): Promise<boolean> {
  for (const folder of ['IN', 'WORK', 'HOLD'] as const) {
    const old = await filesOlderThan(layout, folder, before);
    for (const name of old.keys()) if (folder === 'IN' || parseWorkName(name) !== undefined) return true;
  }
  return false;
}

/** Files of a folder that nobody has touched since, each with when that was. */
async function filesOlderThan(layout: Layout, folder: 'IN' | 'ATT_IN' | 'WORK' | 'HOLD', before: number): Promise<Map<FileName, number>> {
  const files = new Map<FileName, number>();
  let names = 0;
  for await (const { name } of await opendir(layout.path(folder), { encoding: 'latin1' })) {
    if (isUnfinished(name)) continue;
    const status = await lstat(layout.path(folder, name)).catch(unlessGone);
    const since = Math.max(status?.mtimeMs ?? before, status?.ctimeMs ?? before);
    if (status !== undefined && !status.isDirectory() && since < before) files.set(name, since);
    names += 1;
    if (names === maxNames) break;
  }
  return files;
}
