import { type OrganizationSnapshot, waysOut } from '@mailrail/organization';
import { queueName, topologyOf } from '@mailrail/topology';
import amqp from 'amqplib';
import type { Endpoints } from '../endpoints.ts';

/** How much is at one station now. */
export interface StationDepth {
  queue: string;
  takenBy: string;
  waiting: number; // messages in the queue: bags, at rest of one mail each
  inHand: number; // mails its stage is working on
}

export interface StationDepths {
  look: () => Promise<StationDepth[]>;
  close: () => Promise<void>;
}

/** Asks broker (passive declare: exact, now) and stages (their metrics). What does not answer counts as nothing there. */
export async function stationDepths(line: () => Endpoints, organization: OrganizationSnapshot): Promise<StationDepths> {
  const stations = Object.entries(topologyOf(waysOut(organization.settings)).stations)
    .map(([station, { takenBy, lanes }]) => ({ takenBy, queues: lanes.map((lane) => queueName(station, lane)) }))
    .sort((a, b) => (a.queues[0] ?? '').localeCompare(b.queues[0] ?? ''));
  let open: Promise<Asker> | undefined;
  return {
    look: async () => {
      open ??= asker(line().amqp);
      const waiting = await Promise.all(
        stations.map(async ({ queues }) => {
          const ask = await open?.catch(() => undefined);
          const counts = await Promise.all(ask === undefined ? [] : queues.map((queue) => ask.count(queue)));
          return counts.reduce((sum, count) => sum + count, 0);
        }),
      );
      if (
        await open.then(
          (ask) => ask.lost(),
          () => true,
        )
      )
        open = undefined; // a new connection at the next look
      const inHand = await mailsInHand(line().admin);
      return stations.map(({ takenBy, queues }, at) => ({
        queue: queues[0] ?? '',
        takenBy,
        waiting: waiting[at] ?? 0,
        inHand: inHand.get(takenBy) ?? 0,
      }));
    },
    close: async () => {
      const ask = await open?.catch(() => undefined);
      await ask?.close();
    },
  };
}

interface Asker {
  count: (queue: string) => Promise<number>;
  lost: () => boolean;
  close: () => Promise<void>;
}

async function asker(amqpUrl: string): Promise<Asker> {
  const connection = await amqp.connect(amqpUrl, { noDelay: true, timeout: 3_000 });
  let lost = false;
  const lose = () => {
    lost = true;
  };
  connection.on('error', lose);
  connection.on('close', lose);
  const channel = await connection.createChannel();
  channel.on('error', lose);
  channel.on('close', lose);
  return {
    count: async (queue) => {
      if (lost) return 0;
      try {
        return (await channel.checkQueue(queue)).messageCount;
      } catch {
        return 0; // the queue is gone, and the channel with it
      }
    },
    lost: () => lost,
    close: async () => {
      await connection.close().catch(() => {});
    },
  };
}

/** `mailrail_mails_in_hand` of every stage, added up over its processes. */
async function mailsInHand(admin: Endpoints['admin']): Promise<Map<string, number>> {
  const sum = new Map<string, number>();
  await Promise.all(
    Object.entries(admin).map(async ([name, url]) => {
      if (name === 'sink') return;
      try {
        const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) })).text();
        for (const [, stage = '', value] of text.matchAll(/^mailrail_mails_in_hand\{[^}]*stage="([^"]*)"[^}]*\} (\d+)/gm)) {
          sum.set(stage, (sum.get(stage) ?? 0) + Number(value));
        }
      } catch {
        // It is starting, or gone for the moment.
      }
    }),
  );
  return sum;
}
