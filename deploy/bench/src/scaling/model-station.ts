/** Mails that came to a station together and go on together. A fluid: there may be parts of a mail. */
export interface Parcel {
  sentAt: number; // seconds; when they were published, or came back from the ladder
  mails: number;
  bag: number; // mails in a bag
  kind: 'local' | 'outward' | 'chunk'; // a chunk: a hundred members of a group
  attempt: number;
}

const prefetch = 64; // bags a pod holds
const keepSeconds = 300; // of what was seen, for the means

/** One station and the pods of its stage: a queue, and what was seen of it. */
export class ModelStation {
  readonly name: string;
  readonly stage: string;
  /** When each pod is ready; those that wait for it count as pods, and take nothing. */
  #readyAt: number[];
  readonly #queue: Parcel[] = [];
  readonly #seconds: { mails: number; bags: number; came: number }[] = []; // newest last
  #came = 0;

  constructor(name: string, stage: string, pods: number) {
    this.name = name;
    this.stage = stage;
    this.#readyAt = Array.from({ length: pods }, () => 0);
  }

  get pods(): number {
    return this.#readyAt.length;
  }
  podsReady(at: number): number {
    return this.#readyAt.filter((readyAt) => readyAt <= at).length;
  }
  /** New ones are ready after `startSeconds`; those that go are the youngest, and give back what they have. */
  setPods(pods: number, at: number, startSeconds: number): void {
    while (this.#readyAt.length < pods) this.#readyAt.push(at + startSeconds);
    this.#readyAt.length = pods;
  }

  /** Published by another stage. */
  put(parcel: Parcel): void {
    if (parcel.mails <= 0) return;
    this.#came += parcel.mails;
    this.#queue.push(parcel);
  }
  /** Come back from the ladder: nobody published it just now. */
  putBack(parcel: Parcel): void {
    this.#queue.push(parcel);
  }

  /**
   * Takes the oldest for as long as there is capacity.
   *
   * @param costOf a mail of the parcel, in the unit of `capacity`.
   * @returns what was taken, and how much of the capacity was used.
   */
  take(capacity: number, costOf: (parcel: Parcel) => number): { taken: Parcel[]; used: number } {
    const taken: Parcel[] = [];
    let left = capacity;
    for (let head = this.#queue[0]; head !== undefined && left > 1e-9; head = this.#queue[0]) {
      const cost = costOf(head);
      const mails = Math.min(head.mails, left / cost);
      taken.push({ ...head, mails });
      left -= mails * cost;
      head.mails -= mails;
      if (head.mails < 1e-6) this.#queue.shift();
    }
    return { taken, used: capacity - left };
  }

  /** Closes one second: what was taken in it counts for the means. */
  tick(taken: readonly Parcel[]): void {
    this.#seconds.push({
      came: this.#came,
      mails: taken.reduce((sum, { mails }) => sum + mails, 0),
      bags: taken.reduce((sum, { mails, bag }) => sum + mails / bag, 0),
    });
    this.#came = 0;
    if (this.#seconds.length > keepSeconds) this.#seconds.shift();
  }

  get waiting(): number {
    let mails = 0;
    for (const one of this.#queue) mails += one.mails;
    return mails;
  }
  /** Seconds the oldest waits; 0 with nothing there. */
  oldestSeconds(at: number): number {
    let oldest = at;
    for (const { sentAt } of this.#queue) if (sentAt < oldest) oldest = sentAt;
    return at - oldest;
  }
  bags(at: number): { ready: number; inHand: number } {
    const all = this.#queue.reduce((sum, { mails, bag }) => sum + Math.ceil(mails / bag), 0);
    const inHand = Math.min(all, this.podsReady(at) * prefetch);
    return { ready: all - inHand, inHand };
  }
  /** Over the last minute. */
  perSecond(what: 'mails' | 'came'): number {
    const last = this.#seconds.slice(-60);
    return last.length === 0 ? 0 : last.reduce((sum, one) => sum + one[what], 0) / last.length;
  }
  meanBag(): number | undefined {
    const bags = this.#seconds.reduce((sum, one) => sum + one.bags, 0);
    return bags === 0 ? undefined : this.#seconds.reduce((sum, one) => sum + one.mails, 0) / bags;
  }
}
