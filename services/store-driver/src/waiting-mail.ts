import type { QueueFacts } from '@mailrail/broker';
import type { WaitingMail } from '@mailrail/content-store';
import { Bag, Envelope } from '@mailrail/contracts';
import type { Topology } from '@mailrail/topology';
import { deadLetters, ladder, queueName, rungQueue } from '@mailrail/topology';

/** Queues whose mail may need its body from the store: all but the parked, whose bodies are pinned (R13). Dead letters are not yet. */
export function queuesWithBodies(topology: Topology): string[] {
  const work = Object.entries(topology.stations).flatMap(([name, { lanes }]) => lanes.map((lane) => queueName(name, lane)));
  return [...work, deadLetters, ...ladder.map(({ name }) => rungQueue(name))];
}

/** What the sweeper must know of each queue, from a look at it. Mail whose age cannot be read is of unknown age, which stops the sweeper. */
export function waitingMail(facts: readonly QueueFacts[], now: number): WaitingMail[] {
  const rungs = new Set(ladder.map(({ name }) => rungQueue(name)));
  return facts.map(({ queue, messages, consumers, head }) => {
    const acceptedAt = head === undefined ? undefined : oldestIn(head);
    return {
      queue,
      mails: messages,
      consumers,
      oldestAgeMs: messages === 0 ? 0 : acceptedAt === undefined ? undefined : now - acceptedAt,
      emptiesItself: rungs.has(queue),
    };
  });
}

/** When the oldest mail of a bag was accepted. */
function oldestIn(body: Buffer): number | undefined {
  try {
    const mails = Bag.parse(JSON.parse(body.toString())).mails.map((mail) => Envelope.parse(mail));
    return Math.min(...mails.map(({ origin }) => origin.at));
  } catch {
    return undefined; // unreadable here; its stage parks it
  }
}
