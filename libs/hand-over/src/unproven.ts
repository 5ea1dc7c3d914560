/** May a mail for this destination take a place now? */
export type Entry = { kind: 'go' } | { kind: 'wait'; delayMs: number };

export interface UnprovenOptions {
  /** Mails a destination may have in hand before its first answer; at least 1. */
  most: () => number;
  now?: () => number;
}

interface Standing {
  inHand: number;
  since: number; // when the oldest of those in hand came
  provenUntil: number;
}

const provenForMs = 600_000;
const slowAfterMs = 3_000;
const maxKnown = 10_000;

/**
 * Keeps a destination that has not answered yet from taking all places of a connector that has many: a black hole costs a few places
 * for one time limit, then it rests (destination state). One that answered within ten minutes may take any number.
 */
export class UnprovenDestinations {
  readonly #options: UnprovenOptions;
  readonly #now: () => number;
  readonly #known = new Map<string, Standing>();

  constructor(options: UnprovenOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** With `go`, `leave` must follow. A mail that is to wait comes back soon while the first attempts are young, later when they hang. */
  enter(name: string): Entry {
    const now = this.#now();
    let standing = this.#known.get(name);
    if (standing === undefined) {
      standing = { inHand: 0, since: now, provenUntil: 0 };
      this.#known.set(name, standing);
    }
    if (standing.provenUntil <= now && standing.inHand >= Math.max(1, this.#options.most())) {
      return { kind: 'wait', delayMs: now - standing.since < slowAfterMs ? 1_000 : 10_000 };
    }
    if (standing.inHand === 0) standing.since = now;
    standing.inHand += 1;
    return { kind: 'go' };
  }

  leave(name: string, answered: boolean): void {
    const standing = this.#known.get(name);
    if (standing === undefined) return;
    standing.inHand -= 1;
    standing.provenUntil = answered ? this.#now() + provenForMs : 0;
    if (standing.inHand > 0) return;
    this.#known.delete(name);
    if (!answered) return;
    this.#known.set(name, standing); // newest last
    if (this.#known.size > maxKnown) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const [name, { inHand }] of this.#known) {
      if (inHand > 0) continue;
      this.#known.delete(name);
      return;
    }
  }
}
