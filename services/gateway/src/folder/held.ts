import { lstat, opendir } from 'node:fs/promises';
import { moved } from './claims.ts';
import type { Layout } from './layout.ts';
import { ageOf, type Claimed, parseWorkName, workName } from './work-name.ts';

/** Claimed messages whose files have not all come to ATT_IN: they wait in HOLD, under the identity they will have. */
export interface Held {
  /**
   * Takes back into WORK what should be tried again: when something changed in ATT_IN, when its time is over, and now and then all the
   * same, since a share may not tell. Of several gateways the rename lets one have each.
   *
   * @param now monotonic, milliseconds. @param max most files at a time; who was tried longest ago comes first, then who is oldest.
   */
  due(now: number, max: number): Promise<Claimed[]>;
}

/** Puts a claimed message into HOLD. @returns false when it is gone. */
export async function hold(layout: Layout, claimed: Claimed): Promise<boolean> {
  return moved(layout.path('WORK', workName(claimed)), layout.path('HOLD', workName(claimed)));
}

const againMs = 30_000;
/** Names looked at in one go; a larger HOLD takes several. */
const maxNames = 100_000;

export function openHeld({ layout, attachmentMs }: { layout: Layout; attachmentMs: number }): Held {
  const triedAt = new Map<string, number>();
  let change: number | undefined; // of ATT_IN, as it was seen last
  let changedAt = 0;

  return {
    async due(now, max) {
      const held = await heldIn(layout);
      const here = new Set(held.map(({ rootId }) => rootId));
      for (const rootId of triedAt.keys()) if (!here.has(rootId)) triedAt.delete(rootId);
      const seen = (await lstat(layout.path('ATT_IN'))).mtimeMs; // before they are tried: what comes meanwhile is news at the next look
      if (seen !== change) changedAt = now;
      change = seen;
      const lastTry = ({ rootId }: Claimed): number => triedAt.get(rootId) ?? Number.NEGATIVE_INFINITY;
      const found = held
        .filter((one) => lastTry(one) < changedAt || now - lastTry(one) >= againMs || ageOf(one, Date.now()) >= attachmentMs)
        .sort((one, other) => (lastTry(one) < lastTry(other) ? -1 : lastTry(one) > lastTry(other) ? 1 : 0));
      const taken: Claimed[] = [];
      for (const claimed of found.slice(0, max)) {
        if (await moved(layout.path('HOLD', workName(claimed)), layout.path('WORK', workName(claimed)))) taken.push(claimed);
        triedAt.set(claimed.rootId, now);
      }
      return taken;
    },
  };
}

async function heldIn(layout: Layout): Promise<Claimed[]> {
  const held: Claimed[] = [];
  for await (const { name } of await opendir(layout.path('HOLD'), { encoding: 'latin1' })) {
    const claimed = parseWorkName(name);
    if (claimed !== undefined) held.push(claimed);
    if (held.length === maxNames) break;
  }
  return held.sort((one, other) => (one.rootId < other.rootId ? -1 : 1)); // an identity begins with its time
}
