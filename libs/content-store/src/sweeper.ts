import type { Verdict } from './may-sweep.ts';
import type { ContentStore } from './port.ts';

export interface SweeperOptions {
  store: Pick<ContentStore, 'sweep'>;
  /** Asked before each sweep, for it may have changed with the organization file. Milliseconds. */
  retentionMs: () => number;
  /** Whether the line moves, see `maySweep`. A rejection counts as no. */
  lineIsMoving: () => Promise<Verdict>;
  /** What became of a turn: for the log, the metrics and the alarm. */
  tell: (turn: SweeperTurn) => void;
  everyMs?: number; // default 1 h: ext4 creates files slowly for half a minute after many were removed
  now?: () => number; // milliseconds since the epoch
  /** Calls `action` once after `delayMs`. @returns what takes it back. */
  timer?: (action: () => void, delayMs: number) => () => void;
}

export type SweeperTurn =
  | { kind: 'swept'; removed: number }
  | { kind: 'still'; reason: string } // nothing may go now: alarm when it lasts
  | { kind: 'failed'; reason: string }; // the store could not

/**
 * Removes bodies past their time, turn by turn, while the line moves (R13). The first turn is at once. Several sweepers on one
 * store do no harm.
 *
 * @returns `stop`, which resolves when a turn in progress has ended.
 */
export function runSweeper({
  store,
  retentionMs,
  lineIsMoving,
  tell,
  everyMs = 3_600_000,
  now = Date.now,
  timer = unrefTimer,
}: SweeperOptions): { stop(): Promise<void> } {
  let stopped = false;
  let cancel = () => {};

  const turn = async (): Promise<void> => {
    let removed = 0;
    try {
      // One call of `sweep` is bounded; the line is asked again before each.
      for (let more = true; more && !stopped; ) {
        const verdict = await lineIsMoving();
        if (!verdict.ok) {
          tell({ kind: 'still', reason: verdict.reason });
          return;
        }
        const some = await store.sweep(now() - retentionMs());
        removed += some;
        more = some > 0;
      }
      tell({ kind: 'swept', removed });
    } catch (error) {
      tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
    }
  };
  const run = async (): Promise<void> => {
    await turn();
    if (!stopped) cancel = timer(begin, everyMs);
  };
  let current = Promise.resolve();
  const begin = () => {
    current = run();
  };
  begin();

  return {
    async stop() {
      stopped = true;
      cancel();
      await current;
    },
  };
}

function unrefTimer(action: () => void, delayMs: number): () => void {
  const timer = setTimeout(action, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}
