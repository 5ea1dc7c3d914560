/** What is sent and what is looked at. */
export interface Workload {
  name: string;
  does: string;
  to: 'users' | 'relayed' | 'group';
  count: number; // mails of one repetition, unless `--n` says otherwise
  sessions: number;
  reuse: boolean;
  /** Each connection is secured by STARTTLS, with a handshake of its own. */
  tls?: boolean;
  perSecond?: number;
  /** So many times the repetitions of the others: it is short, and a short time varies more. */
  times?: number;
  /** Arrival is timed by a watcher, to a fraction of a ms, instead of by file times. */
  watched?: boolean;
}

/** In the order in which they are run. All mails are 4 KB. */
export const workloads: readonly Workload[] = [
  { name: 'W1', does: 'local mail, a connection each', to: 'users', count: 3_000, sessions: 20, reuse: false },
  { name: 'W1-reuse', does: 'local mail, 20 connections for all', to: 'users', count: 3_000, sessions: 20, reuse: true },
  { name: 'W1-tls', does: 'local mail, a connection each with STARTTLS', to: 'users', count: 3_000, sessions: 20, reuse: false, tls: true },
  { name: 'W2', does: 'relayed to the sink', to: 'relayed', count: 3_000, sessions: 20, reuse: false },
  { name: 'W3', does: 'one mail to a group', to: 'group', count: 1, sessions: 1, reuse: false, times: 3 },
  { name: 'W4-1', does: 'end of data to 250, 1 session', to: 'users', count: 300, sessions: 1, reuse: false },
  { name: 'W4-20', does: 'end of data to 250, 20 sessions', to: 'users', count: 2_000, sessions: 20, reuse: false },
  { name: 'W4-200', does: 'end of data to 250, 200 sessions', to: 'users', count: 3_000, sessions: 200, reuse: false },
  { name: 'W5', does: '250 to file at 10 mails/s', to: 'users', count: 200, sessions: 1, reuse: false, perSecond: 10, watched: true },
];

export const messageBytes = 4_096;
/** A repetition that takes longer is stopped. */
export const limitMs = 120_000;
/** No arrival for so long: what is missing is lost. */
export const quietMs = 30_000;

/** Workloads of a list: `W1` or `W4` (all of its kind). @throws RangeError naming what there is not. */
export function workloadsNamed(names: readonly string[]): Workload[] {
  const found = names.flatMap((name) => {
    const those = workloads.filter((one) => one.name.toLowerCase() === name.toLowerCase());
    const kind = those.length > 0 ? those : workloads.filter((one) => one.name.toLowerCase().startsWith(`${name.toLowerCase()}-`));
    if (kind.length === 0) throw new RangeError(`no workload ${name}; there are ${workloads.map((one) => one.name).join(', ')}`);
    return kind;
  });
  return workloads.filter((one) => found.includes(one));
}
