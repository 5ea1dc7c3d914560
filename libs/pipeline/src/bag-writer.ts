import type { Bus } from '@mailrail/broker';
import { type Envelope, type MailEncoder, mailEncoder, maxBagBytes, maxMailsPerBag } from '@mailrail/contracts';
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

/** How the gap between two bags of one way grows with the load: 1 ms for so many mails a second. */
const mailsPerSecondPerGapMs = 3;

export interface Gaps {
  /** Most time between two bags of one way that are not full. */
  maxGapMs: number;
  /** A bag also leaves when its way has none under way that is not confirmed: for mails that somebody waits for. */
  endAtConfirm: boolean;
}
const gapsOfStage: Gaps = { maxGapMs: 40, endAtConfirm: false };

/**
 * Hands mails on in bags (B1): mails for the same queue, lane and (for connectors) next hop leave together, at most 16 mails and 64 KB.
 *
 * Bags of one way leave a gap apart unless they are full. The gap grows with the rate, from nothing at rest to `maxGapMs`: a mail that
 * comes later than that after the last bag leaves at the end of its turn. So at rest a bag holds one mail and leaves at once, and
 * under load bags fill, which is what makes eight durable hops affordable. What left together arrives together, and the next stage
 * need not wait for it again: the whole line costs about one gap.
 */
export class BagWriter {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #metrics: Pick<Metrics, 'bagMails' | 'published'> | undefined;
  readonly #gaps: Gaps;
  readonly #encode: MailEncoder;
  readonly #now: () => number;
  readonly #open = new Map<string, OpenBag>(); // by way: the bag that still takes mails
  readonly #leftAt = new Map<string, number>(); // by way, for as long as it matters
  readonly #unconfirmed = new Map<string, number>(); // by way: bags, where `endAtConfirm` asks for it
  #due: NodeJS.Timeout | undefined;
  #leaving = false;
  #perSecond = 0; // mails, over all ways, smoothed
  #sentAt = 0;

  constructor(
    bus: Pick<Bus, 'publish'>,
    metrics?: Pick<Metrics, 'bagMails' | 'published'>,
    gaps: Gaps = gapsOfStage,
    encode: MailEncoder = mailEncoder(),
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#encode = encode;
    this.#bus = bus;
    this.#metrics = metrics;
    this.#gaps = gaps;
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
    const { schema, mail: written } = this.#encode(station, mail);
    const way = `${key} ${schema} ${destination} ${epoch ?? ''}`;
    const json = JSON.stringify(written);
    const bytes = Buffer.byteLength(json);
    return new Promise((resolve, reject) => {
      let bag = this.#open.get(way);
      if (bag !== undefined && bag.bytes + bytes > maxBagBytes) {
        this.#send(way, bag);
        bag = undefined;
      }
      if (bag === undefined) {
        bag = { station, key, schema, epoch, entries: [], bytes: 64 };
        this.#open.set(way, bag);
      }
      bag.entries.push({ json, bytes, mail, resolve, reject });
      bag.bytes += bytes + 1;
      if (bag.entries.length === maxMailsPerBag) this.#send(way, bag);
      else if (!this.#leaving) {
        this.#leaving = true;
        setImmediate(() => this.#leave());
      }
    });
  }

  /** At the end of a turn, and when a way's time has come: whoever need not wait any longer leaves. */
  #leave(): void {
    this.#leaving = false;
    clearTimeout(this.#due);
    const now = this.#now();
    const { maxGapMs, endAtConfirm } = this.#gaps;
    const gapMs = Math.min(maxGapMs, this.#perSecond / mailsPerSecondPerGapMs);
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [way, bag] of this.#open) {
      const waitMs = endAtConfirm && !this.#unconfirmed.has(way) ? 0 : (this.#leftAt.get(way) ?? 0) + gapMs - now;
      if (waitMs <= 0) this.#send(way, bag);
      else nextMs = Math.min(nextMs, waitMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#due = setTimeout(() => this.#leave(), nextMs);
    else if (this.#leftAt.size > 1_000) this.#leftAt.clear(); // ways come and go: epochs, next hops
  }

  #send(way: string, bag: OpenBag): void {
    const now = this.#now();
    this.#open.delete(way);
    this.#leftAt.set(way, now);
    const elapsedMs = Math.max(1, now - this.#sentAt);
    const weight = Math.min(1, elapsedMs / 500); // what was half a second ago counts no more
    this.#perSecond += weight * ((bag.entries.length * 1_000) / elapsedMs - this.#perSecond);
    this.#sentAt = now;
    this.#metrics?.bagMails.observe(bag.entries.length);
    this.#metrics?.published.inc({ station: bag.station }, bag.entries.length);
    this.#underWay(way, 1);
    this.#bus.publish(bagMessage(bag), bag.epoch).then(
      () => {
        this.#underWay(way, -1);
        for (const entry of bag.entries) entry.resolve();
      },
      (error: unknown) => {
        this.#underWay(way, -1);
        for (const entry of bag.entries) entry.reject(error);
      },
    );
  }

  #underWay(way: string, change: 1 | -1): void {
    if (!this.#gaps.endAtConfirm) return;
    const bags = (this.#unconfirmed.get(way) ?? 0) + change;
    if (bags > 0) {
      this.#unconfirmed.set(way, bags);
      return;
    }
    this.#unconfirmed.delete(way);
    if (this.#open.has(way)) this.#leave();
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
