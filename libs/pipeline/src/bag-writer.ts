import type { Bus } from '@mailrail/broker';
import { contractOf, type Envelope, maxBagBytes, maxMailsPerBag } from '@mailrail/contracts';
import { domainOf } from '@mailrail/mail';
import type { Metrics } from '@mailrail/telemetry';
import { exchanges, laneAt, routingKey } from '@mailrail/topology';

interface Entry {
  json: string;
  bytes: number;
  mail: Envelope;
  resolve: () => void;
  reject: (error: unknown) => void;
}
interface OpenBag {
  station: string;
  key: string;
  schema: string;
  epoch: number | undefined;
  entries: Entry[];
  bytes: number;
}

/**
 * Hands mails on in bags (B1): what is added in one turn of the event loop for the same queue, lane and (for connectors) next
 * hop leaves together at the end of the turn, at most 16 mails and 64 KB. Idle, a bag holds one mail and leaves at once.
 *
 * While `maxOpenBags` bags for the same key wait for their confirms, further mails wait for one of them: under load the bags fill
 * themselves, as Nagle's algorithm fills segments, and nothing waits longer than a confirm takes.
 */
export class BagWriter {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #metrics: Pick<Metrics, 'bagMails' | 'published'> | undefined;
  readonly #maxOpenBags: number;
  readonly #open = new Map<string, OpenBag[]>(); // per way, oldest first; the last one still takes mails
  readonly #unconfirmed = new Map<string, number>();
  #leaving = false;

  constructor(bus: Pick<Bus, 'publish'>, metrics?: Pick<Metrics, 'bagMails' | 'published'>, maxOpenBags = 8) {
    this.#bus = bus;
    this.#metrics = metrics;
    this.#maxOpenBags = maxOpenBags;
  }

  /**
   * Resolves when the broker has confirmed the bag this mail went in.
   *
   * @param epoch of the delivery the mail came from; nothing is sent once that is over (R9).
   * @throws PublishError
   */
  add(station: string, mail: Envelope, epoch?: number): Promise<void> {
    const destination = 'destination' in mail && typeof mail.destination === 'string' ? mail.destination : '';
    const key = routingKey(station, laneAt(station, mail.lane));
    const way = `${key} ${destination} ${epoch ?? ''}`;
    const json = JSON.stringify(mail);
    const bytes = Buffer.byteLength(json);
    return new Promise((resolve, reject) => {
      const bags = this.#open.get(way) ?? [];
      let bag = bags.at(-1);
      if (bag === undefined || bag.entries.length >= maxMailsPerBag || bag.bytes + bytes > maxBagBytes) {
        bag = { station, key, schema: contractOf(station).name, epoch, entries: [], bytes: 64 };
        bags.push(bag);
        this.#open.set(way, bags);
      }
      bag.entries.push({ json, bytes, mail, resolve, reject });
      bag.bytes += bytes + 1;
      if (!this.#leaving) setImmediate(() => this.#leave());
      this.#leaving = true;
    });
  }

  #leave(): void {
    this.#leaving = false;
    for (const way of this.#open.keys()) this.#leaveBy(way);
  }

  #leaveBy(way: string): void {
    const bags = this.#open.get(way);
    if (bags === undefined) return;
    let unconfirmed = this.#unconfirmed.get(way) ?? 0;
    while (bags.length > 0 && unconfirmed < this.#maxOpenBags) {
      const bag = bags.shift();
      if (bag === undefined) break;
      unconfirmed += 1;
      this.#send(bag, way);
    }
    this.#unconfirmed.set(way, unconfirmed);
    if (bags.length === 0) this.#open.delete(way);
  }

  #send(bag: OpenBag, way: string): void {
    this.#metrics?.bagMails.observe(bag.entries.length);
    this.#metrics?.published.inc({ station: bag.station }, bag.entries.length);
    this.#bus
      .publish(bagMessage(bag), bag.epoch)
      .then(
        () => {
          for (const entry of bag.entries) entry.resolve();
        },
        (error: unknown) => {
          for (const entry of bag.entries) entry.reject(error);
        },
      )
      .finally(() => {
        const unconfirmed = (this.#unconfirmed.get(way) ?? 1) - 1;
        if (unconfirmed <= 0) this.#unconfirmed.delete(way);
        else this.#unconfirmed.set(way, unconfirmed);
        this.#leaveBy(way);
      });
  }
}

/** A bag as the broker gets it, with what a person needs in the console's list (B9). */
function bagMessage({ key, schema, entries }: OpenBag) {
  const first = entries[0]?.mail;
  let recipients = 0;
  let size = 0;
  for (const { mail } of entries) {
    recipients += mail.recipients.length;
    size += mail.content.sizeBytes;
  }
  const text = entries.length === 1 ? (entries[0]?.json ?? '') : entries.map(({ json }) => json).join(',');
  return {
    exchange: exchanges.mail,
    key,
    body: Buffer.from(`{"schema":"${schema}","mails":[${text}]}`),
    messageId: first?.copyId ?? '',
    type: schema,
    headers: {
      mails: entries.length,
      'mail-id': first?.mailId ?? '',
      lane: first?.lane ?? 'normal',
      recipients,
      size,
      'first-recipient-domain': domainOf(first?.recipients[0]?.address ?? 'X:') ?? '',
      'sent-at-ms': Date.now(),
      ...(entries.length === 1 && first?.lastReason !== undefined
        ? { attempt: first.attempt, 'last-error': first.lastReason.slice(0, 200) }
        : {}),
    },
  };
}
