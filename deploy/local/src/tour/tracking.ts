import { TrackingBag, type TrackingEvent } from '@mailrail/contracts';
import { exchanges } from '@mailrail/topology';
import amqp from 'amqplib';

/** What stages tell of mail, as far as it was heard. */
export interface Tracking {
  /** Mails each stage handed on since the beginning, by the stage's name. */
  handled: Map<string, number>;
  /** Events of one mail, in the order of time. */
  of: (rootId: string) => TrackingEvent[];
  /** The broker is gone, and nothing more will be heard. */
  lost: () => boolean;
  close: () => Promise<void>;
}

/** Mails whose events are remembered; the oldest are forgotten first. */
const maxMails = 2_000;
const maxEventsPerMail = 200;

/**
 * Listens to the tracking events with a queue of its own that goes when we go. They are transient and may be lost: good for a
 * picture, not for proof. Bounded: a listener that is too slow loses the oldest.
 *
 * @param handled counts so far, of a listener before this one; counted on.
 */
export async function listenToTracking(amqpUrl: string, handled = new Map<string, number>()): Promise<Tracking> {
  const connection = await amqp.connect(amqpUrl, { noDelay: true, timeout: 3_000 });
  let lost = false;
  connection.on('error', () => {}); // the picture stops; the line goes on
  connection.on('close', () => {
    lost = true;
  });
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false, maxLength: 10_000 });
  await channel.bindQueue(queue, exchanges.tracking, '#');
  const mails = new Map<string, TrackingEvent[]>();
  await channel.consume(
    queue,
    (message) => {
      for (const event of message === null ? [] : eventsIn(message.content)) {
        if (event.event === 'passed' || event.event === 'accepted') handled.set(event.stage, (handled.get(event.stage) ?? 0) + 1);
        if (event.rootId === undefined) continue;
        const events = mails.get(event.rootId) ?? [];
        if (events.length < maxEventsPerMail) events.push(event);
        mails.set(event.rootId, events);
        if (mails.size > maxMails) mails.delete(mails.keys().next().value ?? '');
      }
    },
    { noAck: true },
  );
  return {
    handled,
    of: (rootId) => [...(mails.get(rootId) ?? [])].sort((a, b) => a.at - b.at),
    lost: () => lost,
    close: async () => {
      await connection.close().catch(() => {});
    },
  };
}

function eventsIn(content: Buffer): TrackingEvent[] {
  try {
    return TrackingBag.parse(JSON.parse(content.toString())).events;
  } catch {
    return []; // of a newer version
  }
}
