import { Fault } from './fault.ts';

/** The most there may be of things in a file, messages in messages included: each takes far more memory than bytes in the file. */
const most = {
  attachments: 2_000,
  attributes: 50_000,
  properties: 200_000, // some thousand recipients have so many
} as const;

/** What is left for a file. */
export class Budget {
  readonly #left: Record<keyof typeof most, number> = { ...most };
  readonly #maxRecipients: number;
  #recipients = 0;

  constructor(maxRecipients: number) {
    this.#maxRecipients = maxRecipients;
  }

  /** @throws Fault `too-large` when there is no more of it. */
  take(what: keyof typeof most, count = 1): void {
    this.#left[what] -= count;
    if (this.#left[what] < 0) throw new Fault('too-large', `more than ${most[what]} ${what} are in it`);
  }

  /** @throws Fault `too-many-recipients` */
  takeRecipients(count: number): void {
    this.#recipients += count;
    if (this.#recipients > this.#maxRecipients) throw new Fault('too-many-recipients', `more than ${this.#maxRecipients} recipients`);
  }
}
