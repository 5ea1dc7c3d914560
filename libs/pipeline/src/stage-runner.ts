import { type Bus, type Delivery, PublishError } from '@mailrail/broker';
import {
  Bag,
  type Contract,
  type Envelope,
  type Hooks,
  type MailEncoder,
  type MailReader,
  type Marks,
  noHooks,
  noMarks,
  parseSchemaName,
  readerOf,
} from '@mailrail/contracts';
import { newCopyId, oneLine } from '@mailrail/mail';
import type { RetrySchedule } from '@mailrail/organization';
import type { InHand } from '@mailrail/telemetry';
import { exchanges, laneAt, routingKey, rungQueue } from '@mailrail/topology';
import { prettifyError } from 'zod';
import type { BagWriter } from './bag-writer.ts';
import type { Outcome } from './outcome.ts';
import { transient } from './outcome.ts';
import type { Parking } from './parking.ts';
import { Semaphore } from './semaphore.ts';
import type { HandleContext, ServiceOptions } from './service.ts';
import { sentAtMs } from './sent-at.ts';
import { settlement } from './settle.ts';
import type { Tracker } from './tracker.ts';
import { dueToleranceMs } from './ladder.ts';

/** A handler that threw so often is our bug, not the mail's fault: a person looks (R12). */
const maxFaults = 5;
/** A mail that was in hand so often when its process died is the likely cause (R7). */
const maxCrashes = 5;
const republishAfterMs = 10_000; // B4
const newerVersionWaits = 60; // a minute each (R17)

interface BagInHand {
  delivery: Delivery;
  schema: string;
  read: MailReader;
  open: number; // mails not settled yet
  takenAt: number;
  sentAt: number; // published, or come back from the ladder
  mails: MailInHand[];
  acked: boolean;
}
interface MailInHand {
  raw: unknown;
  index: number;
  mail: Envelope | undefined;
  settled: boolean;
  abandoned: boolean; // re-published by B4; whatever its handler decides is dropped
  abort: AbortController | undefined; // made when the handler asks for its signal
}

export interface RunnerDeps {
  bus: Pick<Bus, 'publish' | 'epoch'>;
  writer: BagWriter;
  tracker: Tracker;
  encode: MailEncoder;
  parking: Parking;
  schedule: () => RetrySchedule;
  hooks?: Hooks;
  marks?: Marks;
  now?: () => number;
}

/** Works the deliveries of one station: bag by bag in, mail by mail through the stage, acknowledged when all of a bag are settled. */
export class StageRunner<C extends Contract> {
  readonly #options: ServiceOptions<C>;
  readonly #deps: RunnerDeps;
  readonly #places: Semaphore;
  readonly #inHand = new Set<BagInHand>();
  readonly #now: () => number;
  readonly #watch: NodeJS.Timeout;
  readonly #marks: Marks;
  readonly #hooks: Hooks;
  #idle: (() => void)[] = [];

  constructor(options: ServiceOptions<C>, deps: RunnerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#marks = deps.marks ?? noMarks;
    this.#hooks = deps.hooks ?? noHooks;
    this.#places = new Semaphore(options.concurrency ?? 256);
    this.#watch = setInterval(() => this.#look(), 1_000);
    options.metrics.observeInHand(() => this.inHand());
  }

  /** For a scrape: walks the bags in hand, a few hundred at most. */
  inHand(): InHand {
    let mails = 0;
    let oldestSentAtMs: number | undefined;
    for (const bag of this.#inHand) {
      mails += bag.open;
      if (oldestSentAtMs === undefined || bag.sentAt < oldestSentAtMs) oldestSentAtMs = bag.sentAt;
    }
    return { mails, bags: this.#inHand.size, oldestSentAtMs };
  }

  get hooks(): Hooks {
    return this.#hooks;
  }

  /** Takes a delivery. Never throws and never rejects: what cannot be settled stays the broker's. */
  take(delivery: Delivery): void {
    this.#work(delivery).catch((error: unknown) => {
      if (!(error instanceof PublishError)) this.#options.log.error('bag.failed', { error, queue: delivery.queue });
    });
  }

  /** Resolves when nothing is in hand, at the latest after `withinMs`. @returns whether all was settled. */
  async drained(withinMs: number): Promise<boolean> {
    if (this.#inHand.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle.push(resolve);
      const timer = setTimeout(resolve, withinMs);
      await promise;
      clearTimeout(timer);
    }
    return this.#inHand.size === 0;
  }

  close(): void {
    clearInterval(this.#watch);
    this.#deps.tracker.flush();
  }

  async #work(delivery: Delivery): Promise<void> {
    const { consumes, metrics } = this.#options;
    const { parking } = this.#deps;
    const type = String(delivery.properties.type ?? '');
    let json: unknown;
    try {
      json = JSON.parse(delivery.content.toString('utf8'));
    } catch {
      await this.#surely(delivery.epoch, () =>
        parking.message(delivery.content, type, 'the message is not JSON', 'unreadable message', delivery.epoch),
      );
      delivery.ack();
      return;
    }
    const wrapper = Bag.safeParse(json);
    const name = wrapper.success ? parseSchemaName(wrapper.data.schema) : undefined;
    const read = name?.station === consumes.station ? readerOf(consumes, name.version) : undefined;
    if (!wrapper.success || read === undefined || read === 'older') {
      const reason = wrapper.success
        ? `schema ${wrapper.data.schema} ${read === 'older' ? 'is read no longer' : 'does not belong here'}`
        : `not a bag: ${prettifyError(wrapper.error)}`;
      const cause = read === 'older' ? 'unknown version' : 'unreadable message';
      await this.#surely(delivery.epoch, () => parking.message(delivery.content, type, reason, cause, delivery.epoch));
      delivery.ack();
      return;
    }
    if (read === 'newer') {
      await this.#surely(delivery.epoch, () => this.#newer(delivery, type, wrapper.data.schema));
      delivery.ack();
      return;
    }

    const takenAt = this.#now();
    const sentAt = sentAtMs(delivery.properties.headers);
    const bag: BagInHand = {
      delivery,
      schema: wrapper.data.schema,
      read,
      open: wrapper.data.mails.length,
      takenAt,
      sentAt: sentAt ?? takenAt,
      mails: wrapper.data.mails.map((raw, index) => ({
        raw,
        index,
        mail: undefined,
        settled: false,
        abandoned: false,
        abort: undefined,
      })),
      acked: false,
    };
    this.#inHand.add(bag);
    metrics.takenBagMails.observe(bag.open);
    if (sentAt !== undefined) metrics.waitSeconds.observe(Math.max(0, takenAt - sentAt) / 1_000);
    if (Number(delivery.properties.headers?.['x-delivery-count'] ?? 0) > 0) {
      // Redelivered: one by one, so that the mail whose process dies is known by name (R7, B5).
      for (const item of bag.mails) await this.#workOne(bag, item, true);
    } else {
      await Promise.all(bag.mails.map((item) => this.#workOne(bag, item, false)));
    }
  }

  /** One mail from raw JSON to settled. Leaves it unsettled only when its channel is gone. */
  async #workOne(bag: BagInHand, item: MailInHand, redelivered: boolean): Promise<void> {
    const { epoch } = bag.delivery;
    try {
      const parsed = bag.read(item.raw);
      if (!parsed.success) {
        const bagId = String(bag.delivery.properties.messageId ?? '');
        const reason = `mail does not fit ${bag.schema}: ${prettifyError(parsed.error)}`;
        await this.#surely(epoch, () => this.#deps.parking.rawMail(item.raw, bag.schema, reason, { id: bagId, index: item.index }, epoch));
        this.#options.log.error('mail.unreadable', { bagId, index: item.index, reason: oneLine(reason) });
        this.#settled(bag, item);
        return;
      }
      const mail = parsed.data as Envelope; // every contract extends the envelope; zod cannot say so of an open type
      item.mail = mail;
      const place = this.#places.take();
      if (place !== undefined) await place;
      try {
        if (item.abandoned || this.#deps.bus.epoch() !== epoch) return;
        if (redelivered) await this.#countingCrashes(mail, bag, item);
        else await this.#handleAndSettle(mail, bag, item, undefined);
      } finally {
        this.#places.give();
      }
      this.#settled(bag, item);
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      this.#forget(bag); // the channel is gone: the broker delivers the bag again
    }
  }

  async #countingCrashes(mail: Envelope, bag: BagInHand, item: MailInHand): Promise<void> {
    const { ledger, stage } = this.#options;
    const key = `${stage}:${mail.mailId}`;
    const begun = await ledger.crash.begin(key);
    const died = begun === 'silent' ? 0 : begun;
    await this.#handleAndSettle(
      mail,
      bag,
      item,
      died >= maxCrashes ? { kind: 'poison', reason: `process died ${maxCrashes} times` } : undefined,
    );
    await ledger.crash.end(key);
  }

  async #handleAndSettle(mail: Envelope, bag: BagInHand, item: MailInHand, decided: Outcome | undefined): Promise<void> {
    const { log, metrics, station } = this.#options;
    const now = this.#now();
    const startedAt = performance.now();
    const settle = settlement(this.#options, this.#deps, bag.delivery.epoch);
    let outcome = decided ?? this.#beforeHandling(mail, now);
    if (outcome === undefined) {
      const claimed = await this.#claims(mail);
      if (claimed === 'other') {
        metrics.handled.inc({ outcome: 'repeat' });
        log.info('mail.handled', {
          rootId: mail.rootId,
          mailId: mail.mailId,
          attempt: mail.attempt,
          outcome: 'repeat',
          reason: 'another copy was first',
        });
        return;
      }
      outcome = await this.#decide(mail, contextOf(item, now, bag.delivery.redelivered));
    }
    if (item.abandoned) return;
    const handledMs = performance.now() - startedAt;
    metrics.handleSeconds.observe(handledMs / 1_000);
    const decidedOutcome = outcome;
    await this.#surely(bag.delivery.epoch, async (failedBefore) => {
      await settle(mail, failedBefore === undefined ? decidedOutcome : transient(failedBefore), this.#now());
    });
    metrics.handled.inc({ outcome: outcome.kind });
    const reason = outcome.kind === 'done' ? undefined : oneLine(outcome.reason);
    log.info('mail.handled', {
      rootId: mail.rootId,
      mailId: mail.mailId,
      station,
      attempt: mail.attempt,
      outcome: outcome.kind,
      ...(reason === undefined ? {} : { reason }),
      ...(outcome.kind === 'permanent' ? { status: outcome.status } : {}),
      recipients: mail.recipients.length,
      ...('facts' in outcome ? outcome.facts : undefined),
      durationMs: Math.round(handledMs * 10) / 10,
      settledMs: Math.round((performance.now() - startedAt) * 10) / 10,
    });
  }

  /** What is decided without asking the stage: not due yet, expired, held by an operator. */
  #beforeHandling(mail: Envelope, now: number): Outcome | undefined {
    if (this.#options.station !== 'aq.reports' && mail.expiresAt <= now) {
      if (mail.deliverBy?.mode === 'return' && mail.deliverBy.at <= now) {
        const reason = `not delivered by the time its sender set; last reason: ${mail.lastReason ?? 'none'}`;
        return { kind: 'permanent', status: '5.4.7', reason };
      }
      return { kind: 'permanent', status: '4.4.7', reason: `expired; last reason: ${mail.lastReason ?? 'none'}` };
    }
    if (mail.dueAt !== undefined && mail.dueAt > now + dueToleranceMs) {
      return {
        kind: 'transient',
        reason: mail.lastReason ?? 'not due yet',
        delayMs: mail.dueAt - now,
        countAttempt: false,
        facts: { early: true },
      };
    }
    const mark = this.#marks.check(mail);
    return mark === undefined
      ? undefined
      : { kind: 'transient', reason: `${mark.action} by ${mark.who}`, delayMs: 60_000, countAttempt: false };
  }

  /** Only one of several copies of a mail goes on (R3): at submission, and at each return from the ladder. */
  async #claims(mail: Envelope): Promise<'mine' | 'other'> {
    const { ledger, metrics, station, claimsAccepted } = this.#options;
    const returned = mail.attempt > 1 || (mail.waits ?? 0) > 0;
    let answer: 'mine' | 'other' | 'silent' = 'mine';
    if (returned) {
      answer = await ledger.claim(`claim:${station}:${mail.mailId}:${mail.attempt}:${mail.waits ?? 0}:${mail.faults ?? 0}`, mail.copyId);
    } else if (claimsAccepted === true) {
      const isReport = mail.origin.dialect === 'report';
      answer = await ledger.claim(
        `claim:${station}:${mail.mailId}`,
        mail.copyId,
        isReport ? undefined : { field: 'accepted', by: mail.recipients.length, once: `accepted:${mail.mailId}` },
      );
    }
    if (answer !== 'silent') return answer;
    metrics.possibleDuplicates.inc({ cause: 'ledger silent' });
    return 'mine';
  }

  async #decide(mail: Envelope, context: HandleContext): Promise<Outcome> {
    const { handle, handlerTimeoutMs = 60_000, log } = this.#options;
    try {
      const decided = handle(mail as Parameters<typeof handle>[0], context); // parsed by the contract this handler is declared with
      if (!(decided instanceof Promise)) return decided;
      const late = Promise.withResolvers<Outcome>();
      const timer = setTimeout(() => late.resolve(transient(`no decision within ${handlerTimeoutMs / 1_000} s`)), handlerTimeoutMs);
      timer.unref(); // a handler without an end must not hold a stopping process
      try {
        return await Promise.race([decided, late.promise]);
      } finally {
        clearTimeout(timer);
      }
    } catch (error) {
      const faults = (mail.faults ?? 0) + 1;
      const reason = `handler threw: ${error instanceof Error ? error.message : String(error)}`;
      log.error('handler.threw', { mailId: mail.mailId, faults, error });
      if (faults >= maxFaults) return { kind: 'poison', reason: `${reason} (${faults} times)` };
      return { kind: 'transient', reason, facts: { faults } };
    }
  }

  /** Repeats what must be published until it is, or until its channel is gone. `failedBefore` is set when the first try cannot be repeated as it was. */
  async #surely(epoch: number, publish: (failedBefore: string | undefined) => Promise<void>): Promise<void> {
    let failedBefore: string | undefined;
    for (;;) {
      try {
        await publish(failedBefore);
        return;
      } catch (error) {
        if (!(error instanceof PublishError)) throw error;
        if (error.kind !== 'returned' && error.kind !== 'refused') throw error;
        this.#options.log.error('publish.failed', { reason: error.message, kind: error.kind });
        if (failedBefore !== undefined) await new Promise((resolve) => setTimeout(resolve, 2_000));
        if (this.#deps.bus.epoch() !== epoch) throw error;
        failedBefore = error.kind === 'returned' ? 'no queue for the next station: run the topology command' : 'the next queue is full';
      }
    }
  }

  /** A version from the future waits for this pod to be replaced (R17). */
  async #newer(delivery: Delivery, type: string, schema: string): Promise<void> {
    const waits = Number(delivery.properties.headers?.['version-waits'] ?? 0) + 1;
    if (waits > newerVersionWaits) {
      await this.#deps.parking.message(
        delivery.content,
        type,
        `version ${schema} is newer than this service, for an hour`,
        'unknown version',
        delivery.epoch,
      );
      return;
    }
    await this.#deps.bus.publish(
      {
        exchange: exchanges.mail,
        key: rungQueue('1m'),
        body: delivery.content,
        messageId: newCopyId(),
        type,
        headers: {
          'return-to': routingKey(this.#options.station),
          reason: `version ${schema} is newer than this service`,
          'version-waits': waits,
        },
      },
      delivery.epoch,
    );
  }

  #settled(bag: BagInHand, item: MailInHand): void {
    if (item.settled || item.abandoned) return;
    item.settled = true;
    bag.open -= 1;
    if (bag.open > 0) return;
    this.#ack(bag);
  }

  #ack(bag: BagInHand): void {
    if (!bag.acked) bag.delivery.ack();
    bag.acked = true;
    this.#remove(bag);
  }

  #forget(bag: BagInHand): void {
    for (const item of bag.mails) {
      item.abandoned = true;
      item.abort?.abort();
    }
    if (this.#inHand.has(bag)) this.#remove(bag);
  }

  #remove(bag: BagInHand): void {
    this.#inHand.delete(bag);
    if (this.#inHand.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Once a second: bags whose channel is gone are forgotten, slow mails leave bags that are otherwise done (B4). */
  #look(): void {
    const epoch = this.#deps.bus.epoch();
    for (const bag of this.#inHand) {
      if (bag.delivery.epoch !== epoch) this.#forget(bag);
      else if (bag.mails.length > 1 && this.#options.ackAlone !== true && this.#now() - bag.takenAt > republishAfterMs) {
        this.#republish(bag).catch((error: unknown) => this.#options.log.warn('bag.not-republished', { error }));
      }
    }
  }

  async #republish(bag: BagInHand): Promise<void> {
    const slow = bag.mails.filter((item) => !item.settled && !item.abandoned);
    bag.takenAt = this.#now(); // a failed try waits as long again
    await Promise.all(
      slow.map((item) =>
        this.#deps.bus.publish(
          {
            exchange: exchanges.mail,
            key: routingKey(this.#options.station, laneAt(this.#options.station, item.mail?.lane ?? 'normal')),
            body: Buffer.from(JSON.stringify({ schema: bag.schema, mails: [item.raw] })),
            messageId: newCopyId(),
            type: bag.schema,
            headers: { mails: 1, 'mail-id': item.mail?.mailId ?? '', 'sent-at-ms': bag.sentAt, reason: 'slow in its bag' },
          },
          bag.delivery.epoch,
        ),
      ),
    );
    for (const item of slow) {
      if (item.settled) continue;
      item.abandoned = true;
      item.abort?.abort();
    }
    this.#ack(bag);
  }
}

function contextOf(item: MailInHand, now: number, redelivered: boolean): HandleContext {
  return {
    now,
    redelivered,
    get signal() {
      item.abort ??= new AbortController();
      if (item.abandoned) item.abort.abort();
      return item.abort.signal;
    },
  };
}
