import { type Bus, type Delivery, PublishError } from '@mailrail/broker';
import { Bag, Envelope } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import { newCopyId, oneLine } from '@mailrail/mail';
import type { Log, Metrics } from '@mailrail/telemetry';
import { exchanges, parkedKey, routingKey, stationOfQueue } from '@mailrail/topology';
import { z } from 'zod';
import { countParked, parkedFacts, pinBody } from './parked-mail.ts';
import type { Pin } from './parking.ts';
import type { Tracker } from './tracker.ts';

export interface DeadLettersDeps {
  bus: Pick<Bus, 'publish' | 'epoch'>;
  content: Pin | undefined;
  ledger: Ledger;
  log: Log;
  metrics: Pick<Metrics, 'badmail' | 'recipients'>;
  tracker: Pick<Tracker, 'tell'>;
  stage: string;
  now?: () => number;
  againMs?: number; // default 2,000: pause before what the broker did not take is offered again
}

const cause = 'dead-lettered';
/** What the broker tells of a dead letter, newest first; only what is used here. */
const Deaths = z.array(z.object({ queue: z.string(), reason: z.string() })).min(1);

/**
 * Parks what the broker itself gave up (R6, R13): a delivery past its limit, or one a person rejected in the console. Each readable
 * mail is pinned in the store, counted, and goes to the badmail lane of its station with a reason and a return ticket, as a stage would
 * have parked it; what cannot be read goes there whole, bytes untouched.
 *
 * @returns a function that takes such a delivery and resolves when it is parked and acknowledged. Never rejects: a delivery that is not
 *          ours any more (R9) is left to the next one. A repeat after a crash may park a mail a second time; it is counted once.
 */
export function deadLetterParking(deps: DeadLettersDeps): (delivery: Delivery) => Promise<void> {
  const { bus, content, ledger, log, metrics, tracker, stage, now = Date.now, againMs = 2_000 } = deps;

  /** Offers it until the broker takes it. @throws PublishError when the delivery is not ours any more. */
  async function publish(key: string, type: string, body: Buffer, headers: Record<string, string | number>, epoch: number): Promise<void> {
    for (;;) {
      try {
        await bus.publish({ exchange: exchanges.mail, key, body, messageId: newCopyId(), type, headers }, epoch);
        return;
      } catch (error) {
        if (!(error instanceof PublishError) || (error.kind !== 'returned' && error.kind !== 'refused')) throw error;
        log.error('publish.failed', { reason: error.message, kind: error.kind });
        await new Promise((resolve) => setTimeout(resolve, againMs));
        if (bus.epoch() !== epoch) throw error;
      }
    }
  }

  async function park(delivery: Delivery): Promise<void> {
    const { content: bytes, epoch, properties } = delivery;
    const given: Record<string, unknown> = properties.headers ?? {};
    const type = String(properties.type ?? '');
    const deaths = Deaths.safeParse(given['x-death']);
    const [death] = deaths.success ? deaths.data : [];
    const station = death === undefined ? undefined : stationOfQueue(death.queue);
    if (death === undefined || station === undefined) return forward(delivery, given, type);

    const reason = oneLine(
      death.reason === 'delivery_limit'
        ? `the broker gave it up: handed out too often from ${death.queue}, and never settled`
        : `the broker gave it up: ${death.reason} in ${death.queue}`,
    );
    const headers = { reason, cause, stage, 'return-to': routingKey(station) };
    const bag = Bag.safeParse(parsed(bytes));
    if (!bag.success) {
      await publish(parkedKey(station), type, bytes, headers, epoch);
      metrics.badmail.inc({ cause });
      return;
    }
    const { schema, mails } = bag.data;
    for (const raw of mails) {
      const read = Envelope.safeParse(raw);
      if (read.success) await pinBody(content, read.data, log);
      const facts = read.success ? parkedFacts(read.data) : {};
      const body = Buffer.from(JSON.stringify({ schema, mails: [raw] })); // one mail a message there (B6)
      await publish(parkedKey(station), schema, body, { mails: 1, ...facts, ...headers }, epoch);
      metrics.badmail.inc({ cause });
      if (read.success) await count(read.data, reason);
    }
  }

  async function count(mail: Envelope, reason: string): Promise<void> {
    const { rootId, mailId, recipients } = mail;
    await countParked(ledger, mail);
    tracker.tell({ at: now(), event: 'badmail', rootId, mailId, recipients: recipients.length, reason });
    metrics.recipients.inc({ event: 'badmail' }, recipients.length);
    log.warn('badmail.dead-lettered', { rootId, mailId, reason });
  }

  /** Parked by a stage of a release before, which used this key: it has its reason, and is pinned and counted. */
  async function forward({ content: bytes, epoch }: Delivery, given: Record<string, unknown>, type: string): Promise<void> {
    const ticket = typeof given['return-to'] === 'string' ? given['return-to'] : '';
    const headers: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(given)) if (typeof value === 'string' || typeof value === 'number') headers[name] = value;
    await publish(parkedKey(stationOfQueue(`0.${ticket}`) ?? 'aq.reports' /* nobody's: ours to show */), type, bytes, headers, epoch);
  }

  return async (delivery) => {
    try {
      await park(delivery);
      delivery.ack();
    } catch (error) {
      log.warn('badmail.not-parked', { reason: error instanceof Error ? error.message : String(error) });
    }
  };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
