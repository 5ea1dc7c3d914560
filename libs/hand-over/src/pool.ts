import type { MailHost } from './resolve-hosts.ts';
import { rfcTimeLimits, type WorkBounds } from './time-limits.ts';

/** What the pool needs of a session. */
export interface Pooled {
  /** Still fit for a mail. */
  readonly alive: boolean;
  /** Mails it has carried. */
  readonly mails: number;
  /** Where it leads, `hostKey` of its host. */
  readonly key: string;
  /** Called once when the session is over, whoever ended it. */
  onClosed: (() => void) | undefined;
  /** Says goodbye and closes. */
  quit(): void;
}

export type Opened<Session extends Pooled, Failure> = { kind: 'open'; session: Session } | { kind: 'failed'; failure: Failure };

export interface PoolOptions<Session extends Pooled, Failure> {
  open: (hosts: readonly MailHost[], bounds: WorkBounds) => Promise<Opened<Session, Failure>>;
  maxSessions: () => number; // read anew each time, so that a changed organization file counts
  idleMs?: number; // default 10 s
  hurriedMs?: number; // a mail whose own time is over still waits so long for a place; default as the time limits have it
  mailsPerSession?: number; // default 100
  onCount?: (open: number) => void;
}

export type Acquired<Session extends Pooled, Failure> =
  | { kind: 'session'; session: Session; reused: boolean }
  | { kind: 'failed'; failure: Failure }
  | { kind: 'stopped' }; // by the signal or the bounds, before a place was free

export function hostKey(host: { name: string; port: number }): string {
  return `${host.name}:${host.port}`;
}

/**
 * The sessions of one connector: at most `maxSessions` at once, opening and idle ones included. A session that carried a mail stays
 * open for `idleMs` and takes the next mail for its host; an idle one gives way when a place is needed for another host.
 */
export class SessionPool<Session extends Pooled, Failure> {
  readonly #options: PoolOptions<Session, Failure>;
  readonly #idleMs: number;
  readonly #mailsPerSession: number;
  readonly #idle = new Map<string, Session[]>(); // newest last
  readonly #timers = new Map<Session, NodeJS.Timeout>(); // oldest first
  readonly #sessions = new Set<Session>();
  readonly #waiting: (() => void)[] = [];
  #opening = 0;
  #closed = false;

  constructor(options: PoolOptions<Session, Failure>) {
    this.#options = options;
    this.#idleMs = options.idleMs ?? 10_000;
    this.#mailsPerSession = options.mailsPerSession ?? 100;
  }

  /** Sessions that are open or being opened. */
  get open(): number {
    return this.#sessions.size + this.#opening;
  }

  /**
   * A session to one of `hosts`, reused when one of the best hosts has an idle one. Give it back with `release`.
   *
   * @param hosts best first; those with the preference of the first are equally good.
   * @param fresh do not reuse: a session that had been idle turned out to be dead.
   */
  async acquire(hosts: readonly MailHost[], bounds: WorkBounds, fresh = false): Promise<Acquired<Session, Failure>> {
    for (;;) {
      if (this.#closed || bounds.signal?.aborted === true) {
        this.#next(); // it may have been woken for a place it does not take
        return { kind: 'stopped' };
      }
      const idle = fresh ? undefined : this.#takeIdle(hosts);
      if (idle !== undefined) return { kind: 'session', session: idle, reused: true };
      if (this.open < this.#options.maxSessions() || this.#evict()) {
        const opened = await this.#open(hosts, bounds);
        return opened.kind === 'open' ? { kind: 'session', session: opened.session, reused: false } : opened;
      }
      if (!(await this.#place(bounds))) return { kind: 'stopped' };
    }
  }

  /** Takes a session back. One that is over, worn out or out of step (`usable` false) is closed instead of kept. */
  release(session: Session, usable: boolean): void {
    if (!this.#sessions.has(session)) return; // it closed itself
    const full = this.open > this.#options.maxSessions();
    if (!usable || !session.alive || this.#closed || full || session.mails >= this.#mailsPerSession) {
      session.quit();
      this.#forget(session);
      return;
    }
    const others = this.#idle.get(session.key);
    if (others === undefined) this.#idle.set(session.key, [session]);
    else others.push(session);
    this.#timers.set(
      session,
      setTimeout(() => this.#retire(session), this.#idleMs),
    );
    this.#next();
  }

  /** Closes idle sessions now and busy ones as they come back. */
  close(): void {
    this.#closed = true;
    for (const session of this.#timers.keys()) this.#retire(session);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #takeIdle(hosts: readonly MailHost[]): Session | undefined {
    if (this.#timers.size === 0) return undefined;
    const best = hosts[0]?.preference;
    for (const host of hosts) {
      if (host.preference !== best) return undefined; // a worse host is for when the best ones fail
      const session = this.#idle.get(hostKey(host))?.at(-1);
      if (session === undefined) continue;
      this.#unidle(session);
      if (session.alive) return session;
      this.#forget(session);
    }
    return undefined;
  }

  async #open(hosts: readonly MailHost[], bounds: WorkBounds): Promise<Opened<Session, Failure>> {
    this.#opening += 1;
    this.#options.onCount?.(this.open);
    let opened: Opened<Session, Failure> | undefined;
    try {
      opened = await this.#options.open(hosts, bounds);
      return opened;
    } finally {
      this.#opening -= 1;
      if (opened?.kind === 'open') {
        const { session } = opened;
        this.#sessions.add(session);
        session.onClosed = () => {
          this.#unidle(session);
          this.#forget(session);
        };
      } else this.#next();
      this.#options.onCount?.(this.open);
    }
  }

  /** Makes room by closing the session that has been idle longest. */
  #evict(): boolean {
    const [oldest] = this.#timers.keys();
    if (oldest === undefined) return false;
    this.#retire(oldest);
    return this.open < this.#options.maxSessions();
  }

  #retire(session: Session): void {
    this.#unidle(session);
    session.quit();
    this.#forget(session);
  }

  #unidle(session: Session): void {
    const timer = this.#timers.get(session);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#timers.delete(session);
    const others = this.#idle.get(session.key);
    if (others === undefined) return;
    others.splice(others.indexOf(session), 1);
    if (others.length === 0) this.#idle.delete(session.key);
  }

  #forget(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    session.onClosed = undefined;
    this.#options.onCount?.(this.open);
    this.#next();
  }

  /** A place or an idle session came free: the one who has waited longest looks again. */
  #next(): void {
    this.#waiting.shift()?.();
  }

  /** Waits for a place. @returns false when the time is up or the work is stopped. */
  #place({ deadlineMs, hurryAtMs, signal }: WorkBounds): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wake = () => done(true);
    const stop = () => done(false);
    const now = Date.now();
    const hurriedMs = Math.max(hurryAtMs - now, this.#options.hurriedMs ?? rfcTimeLimits.hurriedMs);
    const timer = setTimeout(stop, Math.max(0, Math.min(deadlineMs - now, hurriedMs)));
    const done = (free: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      const at = this.#waiting.indexOf(wake);
      if (at >= 0) this.#waiting.splice(at, 1);
      resolve(free);
    };
    signal?.addEventListener('abort', stop, { once: true });
    this.#waiting.push(wake);
    return promise;
  }
}
