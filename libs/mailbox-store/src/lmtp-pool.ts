import type { LmtpSession } from './lmtp-session.ts';

export interface LmtpPool {
  /**
   * A session, and whether it carried mail before. Give it back with `release`.
   *
   * @param fresh a new one: one that had been idle turned out to be dead.
   * @throws Error why there is none, or that none came free by the deadline (milliseconds since the epoch).
   */
  acquire(deadlineMs: number, fresh?: boolean): Promise<{ session: LmtpSession; reused: boolean }>;
  release(session: LmtpSession): void;
  /** Closes idle sessions now and busy ones as they come back. */
  close(): void;
}

export interface LmtpPoolOptions {
  open: (deadlineMs: number) => Promise<LmtpSession>;
  maxSessions: number;
  idleMs: number;
  mailsPerSession: number;
}

/** Sessions with one server: at most so many at once, kept open for a while after a mail. */
export function lmtpPool({ open, maxSessions, idleMs, mailsPerSession }: LmtpPoolOptions): LmtpPool {
  const idle = new Map<LmtpSession, NodeJS.Timeout>(); // newest last
  const waiting = new Set<() => void>(); // longest first
  let taken = 0; // sessions open or being opened, idle ones included
  let closed = false;

  const wake = () => {
    const [first] = waiting;
    if (first !== undefined) {
      waiting.delete(first);
      first();
    }
  };
  const unidle = (session: LmtpSession) => {
    clearTimeout(idle.get(session));
    idle.delete(session);
  };
  const takeIdle = (): LmtpSession | undefined => {
    const newest = [...idle.keys()].at(-1);
    if (newest !== undefined) unidle(newest);
    return newest;
  };
  const openNew = async (deadlineMs: number): Promise<LmtpSession> => {
    taken += 1;
    try {
      const session = await open(deadlineMs);
      session.onClosed = () => {
        unidle(session);
        taken -= 1;
        wake();
      };
      return session;
    } catch (error) {
      taken -= 1;
      wake();
      throw error;
    }
  };
  const place = (deadlineMs: number): Promise<boolean> =>
    new Promise((resolve) => {
      const woken = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(
        () => {
          waiting.delete(woken);
          resolve(false);
        },
        Math.max(0, deadlineMs - Date.now()),
      );
      waiting.add(woken);
    });

  return {
    async acquire(deadlineMs, fresh = false) {
      for (;;) {
        if (closed) throw new Error('closing');
        const session = takeIdle();
        if (session !== undefined && !fresh && session.alive) return { session, reused: true };
        session?.quit(); // one that is dead, or makes room for a new one
        if (taken < maxSessions || session !== undefined) return { session: await openNew(deadlineMs), reused: false };
        if (!(await place(deadlineMs))) throw new Error('no session came free in time');
      }
    },
    release(session) {
      if (closed || !session.alive || session.mails >= mailsPerSession) session.quit();
      else {
        idle.set(
          session,
          setTimeout(() => session.quit(), idleMs),
        );
        wake();
      }
    },
    close() {
      closed = true;
      for (const session of idle.keys()) session.quit();
      for (const resume of waiting) resume();
      waiting.clear();
    },
  };
}
