import type { ServerSession } from '@mailrail/smtp';

/** Time limits in milliseconds, RFC 5321 §4.5.3.2. */
export interface SmtpLimits {
  commandMs: number; // from a reply to the end of the next command; default 5 min
  dataMs: number; // for a whole content; default 10 min
  idleMs: number; // a session without a mail; default 10 min
  sessionMs: number; // a whole session, then no further mail; default a day
  lingerMs: number; // from our last word to the end of the connection; default 2 s
  stopMs: number; // transactions in hand when the service stops; default 5 s
  authDelayMs: number; // before the reply to a wrong password; default 500 ms
}

type Standing = Pick<ServerSession, 'waitsForHost' | 'inContent' | 'inTransaction'>;

/** When what last happened in a session, and whether its client took too long. Times are of `performance.now()`. */
export class SmtpClock {
  readonly #limits: Pick<SmtpLimits, 'commandMs' | 'dataMs' | 'idleMs' | 'sessionMs' | 'lingerMs'>;
  readonly since: number;
  #repliedAt: number;
  #progressAt: number;
  #contentSince: number | undefined;
  #closingSince: number | undefined;

  constructor(limits: Pick<SmtpLimits, 'commandMs' | 'dataMs' | 'idleMs' | 'sessionMs' | 'lingerMs'>, now = performance.now()) {
    this.#limits = limits;
    this.since = this.#repliedAt = this.#progressAt = now;
  }

  replied(now = performance.now()): void {
    this.#repliedAt = now;
  }

  /** A mail has begun or was taken, or somebody logged in: the session is of use. */
  progressed(now = performance.now()): void {
    this.#progressAt = now;
  }

  contentBegun(now = performance.now()): void {
    this.#contentSince = now;
  }

  /** Our last word is said. */
  closing(now = performance.now()): void {
    this.#closingSince = now;
  }

  get isClosing(): boolean {
    return this.#closingSince !== undefined;
  }

  /** @returns whose time is up: the client's, who is told, or that of a connection on which all is said. */
  over(now: number, session: Standing): 'client' | 'connection' | undefined {
    const { commandMs, dataMs, idleMs, sessionMs, lingerMs } = this.#limits;
    if (this.#closingSince !== undefined) return now - this.#closingSince > lingerMs ? 'connection' : undefined;
    if (session.waitsForHost) return undefined;
    // Between two mails the client loses nothing; one that never comes to an end of its mail is not waited for either.
    const beyond = now - this.since - sessionMs;
    if (beyond > 0 && !session.inContent && (!session.inTransaction || beyond > dataMs)) return 'client';
    if (session.inContent) {
      // Octets of a refused BDAT come without the host having begun anything.
      this.#contentSince ??= now;
      return now - this.#contentSince > dataMs ? 'client' : undefined;
    }
    this.#contentSince = undefined;
    return now - this.#repliedAt > commandMs || now - this.#progressAt > idleMs ? 'client' : undefined;
  }
}
