import { setTimeout as pause } from 'node:timers/promises';
import { type LoadJob, type LoadResult, monotonicMs } from './job.ts';
import { messageText } from './message-text.ts';
import { SmtpClient } from './smtp-client.ts';

const maxAttempts = 100; // of one mail
const maxPaced = 200; // mails under way at a time when they come at a fixed rate
const retryAfterMs = { least: 50, more: 150 };

/** Sends all mails of a job. Does not reject: what went wrong is counted. */
export async function runLoad(job: LoadJob): Promise<LoadResult> {
  const text = messageText(job.tag, job.messageBytes);
  const startedAt = monotonicMs();
  const result: LoadResult = {
    startedAt,
    epochOffsetMs: performance.timeOrigin + performance.now() - startedAt,
    dotAt: new Float64Array(job.count),
    acceptedAt: new Float64Array(job.count),
    refused: 0,
    deferred: 0,
    dropped: 0,
    rejected: 0,
    unanswered: 0,
    unsent: 0,
  };
  const timeIsUp = new AbortController();
  const timer = setTimeout(() => timeIsUp.abort(), job.withinMs);
  const clients = new Set<SmtpClient>();
  timeIsUp.signal.addEventListener('abort', () => {
    for (const client of clients) client.destroy();
  });

  /** Until this one mail has an answer that stands. */
  const deliver = async (client: SmtpClient, number: number): Promise<void> => {
    const recipient = job.recipients[number % job.recipients.length] ?? '';
    const message = text(number, recipient);
    for (let attempt = 1; attempt <= maxAttempts && !timeIsUp.signal.aborted; attempt += 1) {
      const outcome = await client.send(recipient, message);
      if (outcome.kind === 'accepted') {
        result.dotAt[number] = outcome.dotAt;
        result.acceptedAt[number] = outcome.acceptedAt;
        return;
      }
      result[outcome.kind] += 1;
      if (outcome.kind === 'rejected' || outcome.kind === 'unanswered') return;
      await pause(retryAfterMs.least + Math.random() * retryAfterMs.more, undefined, { signal: timeIsUp.signal }).catch(() => {});
    }
    result.unsent += 1;
  };
  const withClient = async (use: (client: SmtpClient) => Promise<void>): Promise<void> => {
    const client = new SmtpClient(job);
    clients.add(client);
    await use(client);
    client.quit();
    clients.delete(client);
  };

  let next = 0;
  const session = (client: SmtpClient): Promise<void> => {
    const loop = async (): Promise<void> => {
      while (next < job.count && !timeIsUp.signal.aborted) {
        const number = next;
        next += 1;
        await deliver(client, number);
      }
    };
    return loop();
  };
  if (job.perSecond === undefined) {
    await Promise.all(Array.from({ length: Math.min(job.sessions, job.count) }, () => withClient(session)));
  } else {
    const underWay = new Set<Promise<void>>();
    for (; next < job.count && !timeIsUp.signal.aborted; next += 1) {
      const number = next;
      const waitMs = startedAt + (number * 1_000) / job.perSecond - monotonicMs();
      if (waitMs > 0) await pause(waitMs, undefined, { signal: timeIsUp.signal }).catch(() => {});
      if (underWay.size >= maxPaced) await Promise.race(underWay);
      const one = withClient((client) => deliver(client, number));
      underWay.add(one);
      void one.finally(() => underWay.delete(one));
    }
    await Promise.all(underWay);
  }
  clearTimeout(timer);
  result.unsent += job.count - next;
  return result;
}
