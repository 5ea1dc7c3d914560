/** Acknowledges delivery tags: `upTo` with everything below it, or alone. */
export type SendAck = (tag: number, upTo: boolean) => void;

/**
 * Coalesces acknowledgements (R8): once per turn of the event loop the highest tag below which everything is settled; a tag
 * that has been settled for `aloneAfterMs` behind an open gap is acknowledged alone, so that one stuck mail never stops the
 * others. One acker per channel, since tags count per channel.
 */
export class Acker {
  readonly #send: SendAck;
  readonly #aloneAfterMs: number;
  readonly #settled = new Map<number, number>(); // tag -> when it was settled; NaN once acknowledged alone
  #base = 0;
  #turn: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(send: SendAck, aloneAfterMs = 20) {
    this.#send = send;
    this.#aloneAfterMs = aloneAfterMs;
  }

  /** `alone`: acknowledge at once and for itself (connectors). */
  settle(tag: number, alone = false): void {
    if (this.#closed) return;
    if (alone) {
      this.#send(tag, false);
      this.#settled.set(tag, Number.NaN);
    } else {
      this.#settled.set(tag, performance.now());
    }
    this.#turn ??= setImmediate(() => this.#flush());
  }

  /** Acknowledges what is settled, now. */
  drain(): void {
    if (this.#closed) return;
    this.#flush(0);
  }

  close(): void {
    this.#closed = true;
    clearImmediate(this.#turn);
    clearTimeout(this.#timer);
  }

  #flush(aloneAfterMs = this.#aloneAfterMs): void {
    this.#turn = undefined;
    if (this.#closed) return;
    let highest = 0;
    for (;;) {
      const settledAt = this.#settled.get(this.#base + 1);
      if (settledAt === undefined) break;
      this.#base += 1;
      this.#settled.delete(this.#base);
      if (!Number.isNaN(settledAt)) highest = this.#base;
    }
    if (highest > 0) this.#send(highest, true);
    if (this.#settled.size > 0) this.#flushAlone(aloneAfterMs);
  }

  #flushAlone(aloneAfterMs: number): void {
    const now = performance.now();
    let waiting = false;
    for (const [tag, settledAt] of this.#settled) {
      if (Number.isNaN(settledAt)) continue;
      if (now - settledAt >= aloneAfterMs) {
        this.#send(tag, false);
        this.#settled.set(tag, Number.NaN);
      } else waiting = true;
    }
    if (!waiting) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, this.#aloneAfterMs);
  }
}
