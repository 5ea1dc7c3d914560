import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fileDialects, isFileDialect } from '@mailrail/foreign';
import { oneLine } from '@mailrail/mail';
import { claimFiles } from './claim-files.ts';
import { folderTime, takeOver } from './claims.ts';
import { sweepDone } from './done.ts';
import { openHand } from './hand.ts';
import { openHeld } from './held.ts';
import { layoutOf, makeLayout } from './layout.ts';
import { movedIn } from './moved-in.ts';
import { openOrphans } from './orphans.ts';
import { problemOf } from './problem.ts';
import { waitingRoom } from './waiting-room.ts';
import { type Wake, wakeable } from './wake.ts';
import type { FolderMode, WorkOptions } from './work-file.ts';

export interface FolderGatewayOptions extends Omit<WorkOptions, 'layout' | 'device' | 'keepDoneMs' | 'gateway'> {
  /** The gateway's own folder, `<in>/<gateway>`; made with all that belongs below it. */
  folder: string;
  gateway: { name: string; mode: FolderMode; trust: 'inside' | 'outside'; pollEveryMs: number; quietMs: number; keepDoneMs: number };
  acceptor: WorkOptions['acceptor'] & { obstacle(): unknown };
  /** After this without a sign of life a claim is another gateway's to take. Default 30,000 (S4). */
  leaseMs?: number;
  /** How long a file that looks unfinished is waited for. Default 60,000. */
  unfinishedMs?: number;
  /** Files in ATT_IN that no message names: told after, in BAD after. Defaults 3,600,000 and 86,400,000. */
  orphans?: { tellMs: number; badMs: number };
  /** Files worked on at once. Default 32. */
  concurrency?: number;
  /** File names remembered between two looks at the folder. Default 16,384. */
  keepNames?: number;
  /** What is in hand may take so long at the end. Default 10,000. */
  closeMs?: number;
}

export interface FolderGateway {
  /** What keeps it from taking files now, in a sentence; for readiness and the admin page. */
  problem(): string | undefined;
  /** Takes nothing new and finishes what is in hand, as far as time allows. The rest stays claimed in WORK, for the next start. */
  close(): Promise<void>;
}

const claimBatch = 32;
const longestSettleMs = 5_000;
const scanGapMs = 250;

/**
 * A folder that foreign systems drop mail into. Polling is the truth; file events only wake the poll up early, since network
 * shares do not have them. A file is taken when it has not changed between two looks and is finished: it says so itself, it was
 * written under another name and moved in, or nothing was written to it for the quiet time. Oldest first.
 *
 * Nothing is lost and nothing gets a second identity, at whatever step a process dies: the identity is chosen by the rename that
 * claims the file and stands in its name until the mail is durable.
 */
export function openFolderGateway(options: FolderGatewayOptions): FolderGateway {
  const { gateway, log, leaseMs = 30_000, unfinishedMs = 60_000, keepNames = 16_384, concurrency = 32 } = options;
  const foreign = isFileDialect(gateway.mode) ? fileDialects[gateway.mode] : undefined;
  const now = () => performance.now();
  const layout = layoutOf(options.folder);
  const settleMs = Math.min(gateway.pollEveryMs, longestSettleMs);
  const quietMs = Math.max(gateway.quietMs, 2 * settleMs);
  const room = waitingRoom({ layout, keep: keepNames, settleMs });
  const moved = movedIn(keepNames);
  const wake: Wake = wakeable();
  let device: number | undefined;
  const { keepDoneMs, pollEveryMs } = gateway;
  const hand = openHand({
    ...options,
    layout,
    keepDoneMs,
    device: () => device ?? 0,
    pauseMs: Math.min(1_000, pollEveryMs),
    settleMs,
    now,
  });

  const held = openHeld({ layout, attachmentMs: options.attachmentMs ?? 600_000 });
  const orphans = openOrphans({ layout, report: { gateway: gateway.name, dialect: gateway.mode }, ...options.orphans });
  const orphanEveryMs = Math.min(600_000, (options.orphans?.tellMs ?? 3_600_000) / 4);

  let closing = false;
  let dirty = false; // something happened in IN since the last look
  let nextPollAt = 0;
  let scannedAt = Number.NEGATIVE_INFINITY;
  let scanCostMs = 0;
  let nextTakeOverAt = 0;
  let nextSweepAt = 0;
  let nextHeldAt = foreign === undefined ? Number.POSITIVE_INFINITY : 0;
  let nextOrphanAt = nextHeldAt;
  let trouble: { code: string; sentence: string; toldAt: number } | undefined;
  let watcher: FSWatcher | undefined;

  /** One turn: everything that is due. @returns when to come back, unless something happens before. */
  async function turn(): Promise<number> {
    if (device === undefined) {
      await makeLayout(layout);
      device = (await stat(layout.path('IN'))).dev;
    }
    watcher ??= startWatching();
    if (keepDoneMs > 0 && now() >= nextSweepAt) {
      await sweepDone(layout, keepDoneMs, Date.now());
      nextSweepAt = now() + Math.min(3_600_000, Math.max(1_000, keepDoneMs / 10));
    }
    if (options.acceptor.obstacle() !== undefined) return now() + pollEveryMs; // the line is away: nothing is claimed that cannot be taken
    hand.retry();
    if (now() < hand.pausedUntil) return hand.pausedUntil;
    if (now() >= nextTakeOverAt) {
      nextTakeOverAt = now() + leaseMs / 3;
      for (const claimed of await takeOver(layout, leaseMs, hand.ids(), claimBatch)) {
        log.warn('gateway.claim-taken-over', { gateway: gateway.name, rootId: claimed.rootId });
        hand.take(claimed);
      }
    }
    if (now() >= nextHeldAt) {
      nextHeldAt = now() + settleMs;
      for (const claimed of await held.due(now(), Math.max(0, concurrency - hand.busy))) hand.take(claimed);
    }
    if (now() >= nextOrphanAt) {
      nextOrphanAt = now() + orphanEveryMs;
      await lookForOrphans();
    }
    if (room.due(now(), 1).length === 0 && isScanDue()) {
      dirty = false;
      scannedAt = now();
      nextPollAt = scannedAt + pollEveryMs;
      moved.forgetBefore(scannedAt - 2 * quietMs); // by then it is taken for its rest
      await room.scan(scannedAt);
      scanCostMs = now() - scannedAt;
    }
    while (!closing && (await claimSome())) {
      if (now() >= Math.min(nextTakeOverAt, nextHeldAt) || now() < hand.pausedUntil || options.acceptor.obstacle() !== undefined)
        return now();
    }
    return Math.min(
      nextPollAt,
      nextTakeOverAt,
      nextHeldAt,
      nextOrphanAt,
      room.nextDueAt() ?? Number.POSITIVE_INFINITY,
      hand.dueAt() ?? Number.POSITIVE_INFINITY,
      scanAllowedAt(),
    );
  }

  async function lookForOrphans(): Promise<void> {
    const { told, bad } = await orphans.look(await folderTime(layout));
    const shown = (name: string) => oneLine(Buffer.from(name, 'latin1').toString(), 120);
    for (const { name, ageMs } of told)
      log.warn('gateway.orphan', { gateway: gateway.name, file: shown(name), ageMs: Math.round(ageMs), outcome: 'told' });
    for (const name of bad) {
      options.metrics.refused.inc({ gateway: gateway.name, code: 'unrecognised' });
      log.warn('gateway.orphan', { gateway: gateway.name, file: shown(name), outcome: 'bad' });
    }
  }

  function isScanDue(): boolean {
    return now() >= nextPollAt || ((dirty || room.needsMore) && now() >= scannedAt + gapMs());
  }
  function scanAllowedAt(): number {
    return dirty || room.needsMore ? scannedAt + gapMs() : Number.POSITIVE_INFINITY;
  }
  /** A look at a large folder costs something: events must not make it the only thing that is done. */
  function gapMs(): number {
    return Math.max(scanGapMs, 4 * scanCostMs);
  }

  /** @returns false when nothing is due. */
  async function claimSome(): Promise<boolean> {
    await hand.below(concurrency);
    const due = room.due(now(), Math.min(claimBatch, concurrency));
    if (due.length === 0 || device === undefined) return false;
    const { results, error } = await claimFiles(
      due.map(({ candidate }) => candidate),
      {
        layout,
        device,
        ...(foreign === undefined
          ? {}
          : { isComplete: (head: Buffer, tail: Buffer, whole: boolean) => foreign.isComplete(head, tail, whole) }),
        isOverdue: ({ name, seenAt }, why) =>
          (why === 'line' && moved.has(name)) || now() - seenAt >= (why === 'text' || why === 'line' ? quietMs : unfinishedMs),
        claimed: (claimed) => options.step?.('claimed', claimed),
      },
    );
    for (const [at, result] of results.entries()) {
      const waiting = due[at];
      if (waiting === undefined) continue;
      const { name } = waiting.candidate;
      if (result.kind === 'unfinished') {
        const restedAt = waiting.candidate.seenAt + quietMs;
        waiting.dueAt = restedAt > now() ? Math.min(restedAt, now() + settleMs) : now() + settleMs;
      } else if (result.kind === 'unreadable') {
        waiting.dueAt = now() + Math.max(pollEveryMs, unfinishedMs);
        const file = oneLine(Buffer.from(name, 'latin1').toString(), 120);
        log.warn('gateway.file', { gateway: gateway.name, file, outcome: 'unreadable', reason: problemOf(result.error).sentence });
      } else {
        room.remove(name);
      }
      if (result.kind === 'changed') dirty = true;
      if (result.kind === 'claimed') {
        options.step?.('flushed', result.claimed);
        hand.take(result.claimed, result.opened);
      }
    }
    if (error !== undefined) throw error;
    return true;
  }

  function startWatching(): FSWatcher | undefined {
    try {
      const started = watch(layout.path('IN'), { persistent: false, encoding: 'latin1' }, (kind, name) => {
        moved.event(kind, name, now());
        dirty = true;
        wake.now();
      });
      started.on('error', () => {
        started.close();
        moved.forgetAll();
        watcher = undefined;
      });
      return started;
    } catch (error) {
      // No events on this file system, or no more of them to have: the poll is enough.
      log.debug('gateway.no-file-events', { gateway: gateway.name, reason: problemOf(error).sentence });
      return undefined;
    }
  }

  async function run(): Promise<void> {
    while (!closing) {
      let nextAt: number;
      try {
        nextAt = await turn();
        if (trouble !== undefined) log.info('gateway.folder-recovered', { gateway: gateway.name, code: trouble.code });
        trouble = undefined;
      } catch (error) {
        tell(error);
        nextAt = now() + pollEveryMs;
      }
      if (!closing) await wake.until(nextAt - now());
    }
  }

  /** A folder in trouble is told when the trouble begins or changes, and every minute. */
  function tell(error: unknown): void {
    device = undefined; // look again what is there
    const found = problemOf(error);
    const told = trouble?.code === found.code && now() - trouble.toldAt < 60_000;
    if (!told)
      log.error('gateway.folder-trouble', { gateway: gateway.name, folder: options.folder, code: found.code, reason: found.sentence });
    trouble = { ...found, toldAt: told ? (trouble?.toldAt ?? 0) : now() };
  }

  const renewal = setInterval(() => {
    hand.renew(leaseMs / 3).catch((error: unknown) => tell(error));
  }, leaseMs / 6);
  renewal.unref();
  const running = run();

  return {
    problem: () => trouble?.sentence,
    async close() {
      closing = true;
      watcher?.close();
      wake.now();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, options.closeMs ?? 10_000);
      });
      await Promise.race([running.then(() => hand.below(1)), late]);
      clearTimeout(timer);
      clearInterval(renewal);
    },
  };
}
