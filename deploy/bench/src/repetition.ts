import type { Waited } from './arrivals.ts';

/** Milliseconds over the mails of one repetition. */
export interface Latency {
  p50: number;
  p99: number;
  max: number;
}

/** What one repetition of a workload measured. */
export interface Repetition {
  startedAt: number; // monotonic ms of the first connection
  n: number; // copies that were to come out: mails, or members of the group
  accepted: number; // mails that got a 250
  arrived: number; // copies found
  seconds: number; // first connection to last copy
  perSecond: number; // copies arrived in these seconds
  acceptedPerSecond: number | undefined; // first connection to last 250; undefined for a single mail
  replyMs: Latency | undefined; // last byte of the mail given to the kernel -> 250 read
  deliveryMs: Latency | undefined; // 250 read -> copy there; below 0 when the copy was first
  watchErrorMs: Latency | undefined; // how late the watcher of W5 is, measured on the spot
  cpuSeconds: Readonly<Record<string, number>> | undefined; // of each process; undefined without /proc
  generatorCpuSeconds: number;
  sinkCpuSeconds: number | undefined; // when mail went there
  memoryMb: Readonly<Record<string, number>> | undefined; // PSS of each process at the end
  lost: number;
  doubled: number;
  misplaced: number;
  foreign: number; // other mails that came in meanwhile
  refused: number;
  deferred: number;
  dropped: number;
  rejected: number;
  unanswered: number;
  unsent: number;
  ended: Waited; // other than `complete`: lost after a quiet time, or stopped at the limit
  waiting: number; // copies of accepted mails that were not there yet when it was stopped
  restarted: readonly string[]; // processes that have another pid than at the beginning
}

/** Whether nothing was lost or doubled. */
export function isWhole({ lost, doubled, misplaced }: Pick<Repetition, 'lost' | 'doubled' | 'misplaced'>): boolean {
  return lost === 0 && doubled === 0 && misplaced === 0;
}

/** Whether all that was to be sent was sent and waited for. */
export function isComplete({ ended, unsent, rejected }: Pick<Repetition, 'ended' | 'unsent' | 'rejected'>): boolean {
  return ended !== 'time up' && unsent === 0 && rejected === 0;
}
