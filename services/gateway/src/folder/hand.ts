import { oneLine } from '@mailrail/mail';
import { claimAnew, renewLease } from './claims.ts';
import { finishFile } from './done.ts';
import { hold } from './held.ts';
import type { FileName } from './layout.ts';
import type { OpenedFile } from './open-file.ts';
import { problemOf } from './problem.ts';
import { partMissing, stillWritten, type Taken } from './take-file.ts';
import { type WorkOptions, workFile } from './work-file.ts';
import { ageOf, type Claimed, newClaim } from './work-name.ts';

/**
 * The claimed files a gateway has in hand, each until it is gone from WORK. What could not be taken now waits here, still
 * claimed and with its identity, so that trying again makes the same mail.
 */
export interface Hand {
  take(claimed: Claimed, opened?: OpenedFile): void;
  /** Tries again what waits and is due. */
  retry(): void;
  /** Renews the leases that are older than `afterMs`. */
  renew(afterMs: number): Promise<void>;
  /** Identities in hand, waiting ones too. */
  ids(): ReadonlySet<string>;
  /** Files being worked on now. */
  readonly busy: number;
  /** Something that was taken did not go through: nothing new should be claimed before this time. */
  readonly pausedUntil: number;
  /** When the next file that waits is due. */
  dueAt(): number | undefined;
  /** Resolves when fewer than `count` are being worked on. */
  below(count: number): Promise<void>;
}

export interface HandOptions extends WorkOptions {
  /** First pause after the line, the store or the disk did not take a file; doubles up to 30 s. */
  pauseMs: number;
  /** Pause before a file that somebody still writes is looked at again. */
  settleMs: number;
  now: () => number; // monotonic, milliseconds
}

interface Item {
  claimed: Claimed;
  since: number;
  renewedAt: number;
  retryAt: number;
  files: readonly FileName[]; // in ATT_IN, belonging to it
  accepted: boolean; // its mail is durable, and only the file is still there
  busy: boolean;
  touching: Promise<unknown>;
}

const longestPauseMs = 30_000;

/**
 * An identity carries its time, and bodies are swept by it (R13). A file that could not be taken for so long gets a new one; by
 * then no ledger remembers the old one either.
 */
const maxIdentityAgeMs = 12 * 3_600_000;

export function openHand(options: HandOptions): Hand {
  const { layout, log, metrics, gateway, now } = options;
  const items = new Map<string, Item>();
  let busy = 0;
  let pauseMs = 0;
  let pausedUntil = 0;
  let waiters: { count: number; resolve: () => void }[] = [];

  async function decide(item: Item, opened: OpenedFile | undefined): Promise<Taken | 'gone' | 'finished'> {
    const touch = <Result>(what: () => Promise<Result>): Promise<Result> => alone(item, what);
    if (item.accepted) {
      await touch(() => finishFile(layout, item.claimed, options.keepDoneMs, item.files));
      return 'finished';
    }
    if (opened === undefined && ageOf(item.claimed, Date.now()) > maxIdentityAgeMs && !(await touch(() => rename(item)))) return 'gone';
    const taken = await workFile(item.claimed, opened, options, touch);
    if (taken !== 'gone' && taken.kind === 'accepted') {
      item.accepted = true;
      item.files = taken.files ?? [];
      await touch(() => finishFile(layout, item.claimed, options.keepDoneMs, item.files));
      options.step?.('finished', item.claimed);
    }
    return taken;
  }

  async function rename(item: Item): Promise<boolean> {
    const fresh = newClaim(item.claimed.name);
    if (!(await claimAnew(layout, item.claimed, fresh))) return false;
    metrics.possibleDuplicates.inc({ cause: 'claim-expired' });
    items.delete(item.claimed.rootId);
    items.set(fresh.rootId, item);
    item.claimed = fresh;
    return true;
  }

  async function run(item: Item, opened: OpenedFile | undefined): Promise<void> {
    let result: Taken | 'gone' | 'finished';
    try {
      result = await decide(item, opened);
      if (isHeld(result)) {
        await alone(item, () => hold(layout, item.claimed));
        options.step?.('held', item.claimed);
      }
    } catch (error) {
      log.error('gateway.file', { ...fieldsOf(item), outcome: 'waits', reason: problemOf(error).sentence, error });
      return postpone(item);
    }
    if (result === 'gone' || result === 'finished') {
      log.info('gateway.file', { ...fieldsOf(item), outcome: result });
    } else if (result.kind === 'wait') {
      log.warn('gateway.file', { ...fieldsOf(item), outcome: 'waits', reason: result.reason });
      if (!isHeld(result)) {
        if (result.reason !== stillWritten) return postpone(item);
        item.retryAt = now() + options.settleMs;
        return;
      }
    } else if (result.kind === 'bad') {
      const { code, message } = result.refusal;
      metrics.refused.inc({ gateway: gateway.name, code });
      options.tell?.({ at: Date.now(), event: 'refused', rootId: item.claimed.rootId, recipients: 0, reason: code });
      log.warn('gateway.file', { ...fieldsOf(item), outcome: 'bad', code, reason: oneLine(message) });
    } else {
      const { recipients, sizeBytes, leftOut, notes } = result;
      if (leftOut.length > 0) {
        metrics.refused.inc({ gateway: gateway.name, code: 'recipient' }, leftOut.length);
        options.tell?.({
          at: Date.now(),
          event: 'refused',
          rootId: item.claimed.rootId,
          recipients: leftOut.length,
          reason: leftOut[0]?.code ?? '',
        });
      }
      const odd = { ...(leftOut.length > 0 ? { leftOut: leftOut.length } : {}), ...(notes.length > 0 ? { notes: notes.join(' ') } : {}) };
      log.info('gateway.file', { ...fieldsOf(item), outcome: 'accepted', recipients, sizeBytes, ...odd });
    }
    items.delete(item.claimed.rootId);
    pauseMs = 0;
  }

  function fieldsOf({ claimed, since }: Item) {
    const file = oneLine(Buffer.from(claimed.name, 'latin1').toString(), 120);
    return { gateway: gateway.name, rootId: claimed.rootId, file, durationMs: Math.round(now() - since) };
  }

  function postpone(item: Item): void {
    pauseMs = Math.min(longestPauseMs, Math.max(options.pauseMs, 2 * pauseMs));
    pausedUntil = item.retryAt = now() + pauseMs;
  }

  function start(item: Item, opened: OpenedFile | undefined): void {
    item.busy = true;
    busy += 1;
    void run(item, opened).finally(() => {
      item.busy = false;
      busy -= 1;
      const free = waiters.filter(({ count }) => busy < count);
      waiters = waiters.filter(({ count }) => busy >= count);
      for (const { resolve } of free) resolve();
    });
  }

  return {
    take(claimed, opened) {
      const at = now();
      const item: Item = {
        claimed,
        since: at,
        renewedAt: at,
        retryAt: 0,
        files: [],
        accepted: false,
        busy: false,
        touching: Promise.resolve(),
      };
      items.set(claimed.rootId, item);
      start(item, opened);
    },
    retry() {
      const at = now();
      for (const item of items.values()) if (!item.busy && item.retryAt <= at) start(item, undefined);
    },
    async renew(afterMs) {
      const at = now();
      for (const item of [...items.values()].filter(({ renewedAt }) => at - renewedAt >= afterMs)) {
        item.renewedAt = at;
        const inHand = () => items.has(item.claimed.rootId);
        const here = await alone(item, async () => !inHand() || (await renewLease(layout, item.claimed)));
        if (!here && !item.busy) items.delete(item.claimed.rootId);
      }
    },
    ids: () => new Set(items.keys()),
    get busy() {
      return busy;
    },
    get pausedUntil() {
      return pausedUntil;
    },
    dueAt: () => {
      const waiting = [...items.values()].filter((item) => !item.busy).map(({ retryAt }) => retryAt);
      return waiting.length === 0 ? undefined : Math.min(...waiting);
    },
    below: (count) => (busy < count ? Promise.resolve() : new Promise((resolve) => waiters.push({ count, resolve }))),
  };
}

/** It waits for files it names: in HOLD, where nothing is in hand, and holds nothing up. */
function isHeld(result: Taken | 'gone' | 'finished'): boolean {
  return typeof result === 'object' && result.kind === 'wait' && result.reason === partMissing;
}

/** Work and the renewal of a lease both touch a file by its path; one at a time. */
function alone<Result>(item: Item, touch: () => Promise<Result>): Promise<Result> {
  const result = item.touching.then(touch);
  item.touching = result.catch(() => {});
  return result;
}
