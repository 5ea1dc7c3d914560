import { amqpUrls, inTurn } from './amqp-hosts.ts';
import { type BusSession, openSession } from './session.ts';
import { type BusOptions, type BusState, type OutgoingMessage, PublishError } from './types.ts';

/**
 * A pair of supervised connections: one publishes, one consumes, so that an alarm never stops acknowledgements. One loop keeps
 * them: any channel that closes, consumer that is cancelled, confirm that is overdue or connection that goes tears down both,
 * and they are made anew after a pause with jitter, at the next host where the broker has several.
 */
export interface Bus {
  /** Resolves when the broker has the message durably in every queue it was routed to. @throws PublishError */
  publish(message: OutgoingMessage, epoch?: number): Promise<void>;
  /** Transient, unconfirmed, dropped when it cannot go now: for what may be lost (tracking). */
  tell(exchange: string, key: string, body: Buffer): void;
  state(): BusState;
  /** Consuming (where asked to), and confirmed within ten seconds. */
  ready(): boolean;
  /** When the supervision loop last turned, milliseconds since the epoch: a broker outage is no reason to kill a pod. */
  lastTriedAt(): number;
  epoch(): number;
  unconfirmed(): number;
  /** Resolves once the first connection stands. Never rejects; keeps trying. */
  start(): Promise<void>;
  /** Stops taking; what is in hand goes on. */
  stopConsuming(): Promise<void>;
  close(): Promise<void>;
}

/** @throws TypeError when `url` is no address of a broker. */
export function openBus(options: BusOptions): Bus {
  const { log, backoffMs = { first: 100, most: 5_000 }, random = Math.random } = options;
  const hosts = amqpUrls(options.url);
  const nextHost = inTurn(hosts, random);
  let session: BusSession | undefined;
  let epoch = 0;
  let lastTriedAt = Date.now();
  let stopping = false;
  let consuming = true;
  let wake: (() => void) | undefined;
  const { promise: started, resolve: nowStarted } = Promise.withResolvers<void>();

  const pause = (waitMs: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const supervise = async () => {
    let failures = 0;
    while (!stopping) {
      lastTriedAt = Date.now();
      let cause: string;
      const openedAt = Date.now();
      try {
        epoch += 1;
        const url = nextHost();
        const opened = await openSession({ ...options, url, ...(consuming ? {} : { consume: undefined }) }, epoch);
        if (stopping) {
          await opened.close(); // closed while it was being opened
          break;
        }
        session = opened;
        await opened.consume().catch(() => {}); // its channel is closed by that, which ends this life
        nowStarted();
        options.metrics?.broker.set(opened.state() === 'up' ? 1 : 0);
        log.info('broker.connected', { epoch, host: new URL(url).host });
        const heartbeat = setInterval(() => {
          lastTriedAt = Date.now();
          options.metrics?.broker.set(opened.state() === 'up' ? 1 : 0);
        }, 1_000);
        cause = await opened.lost;
        clearInterval(heartbeat);
      } catch (error) {
        cause = error instanceof Error ? error.message : String(error);
      }
      session = undefined;
      options.metrics?.broker.set(0);
      if (stopping) break;
      failures = Date.now() - openedAt > 10_000 ? 1 : failures + 1;
      const rounds = Math.floor((failures - 1) / hosts.length); // another host may answer at once: pauses grow when all were tried
      const waitMs = Math.round(Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(rounds, 10)) * (0.5 + random()));
      log.warn('broker.lost', { cause, waitMs });
      options.metrics?.reconnects.inc({ cause: cause.split(':', 1)[0] ?? 'unknown' });
      await pause(waitMs);
    }
  };
  let loop: Promise<void> | undefined;

  return {
    publish(message, ofEpoch) {
      if (session === undefined) return Promise.reject(new PublishError('down', 'not connected to the broker'));
      if (ofEpoch !== undefined && ofEpoch !== epoch) {
        return Promise.reject(new PublishError('stale', 'the delivery this belongs to is no longer ours'));
      }
      return session.publish(message);
    },
    tell: (exchange, key, body) => session?.tell(exchange, key, body),
    state: () => session?.state() ?? 'down',
    ready: () => session?.ready() ?? false,
    lastTriedAt: () => lastTriedAt,
    epoch: () => epoch,
    unconfirmed: () => session?.unconfirmed() ?? 0,
    start() {
      loop ??= supervise();
      return started;
    },
    async stopConsuming() {
      consuming = false;
      await session?.stopConsuming();
    },
    async close() {
      stopping = true;
      wake?.();
      await session?.close();
      await loop;
    },
  };
}
