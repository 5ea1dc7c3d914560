import { openBus, PublishError } from '@mailrail/broker';
import { type Envelope, mailEncoder, type TrackingEvent } from '@mailrail/contracts';
import type { FastifyInstance } from 'fastify';
import { openAdmin } from './admin.ts';
import { BagWriter, type Gaps } from './bag-writer.ts';
import type { ServiceConfig } from './config.ts';
import type { StageBase } from './open-stage.ts';
import { Tracker } from './tracker.ts';

/** The line could not take a mail in time. It may be there all the same when `code` is `unconfirmed` (R4). */
export class NotAccepted extends Error {
  readonly code: 'unconfirmed' | 'blocked' | 'full' | 'down';
  constructor(code: NotAccepted['code'], message: string) {
    super(message);
    this.name = 'NotAccepted';
    this.code = code;
  }
}

/** The way into the line for a gateway. */
export interface GatewayLine {
  /** Resolves when the broker has the mail durably. @throws NotAccepted */
  accept(station: string, mail: Envelope): Promise<void>;
  /** For an answer at connect and at MAIL FROM, before anything was sent. */
  state(): 'up' | 'blocked' | 'full' | 'down';
  tell(event: Omit<TrackingEvent, 'stage'>): void;
  readonly adminPort: number;
  stop(): Promise<void>;
}

/** Mails that may wait for their confirms; past it a gateway says 452 instead of letting senders wait (rule 17 of the broker page). */
const maxWaiting = 1_024;
const confirmWithinMs = 5_000;
/** Senders wait for this, so a gateway's bags wait less for each other than a stage's. */
const gaps: Gaps = { maxGapMs: 4, endAtConfirm: true };

export async function openGatewayLine(
  options: StageBase & {
    stage: string;
    config: Pick<ServiceConfig, 'AMQP_URL' | 'ADMIN_HOST' | 'ADMIN_PORT'> & Partial<Pick<ServiceConfig, 'WRITE_VERSIONS'>>;
    ready?: () => string | undefined;
    adminRoutes?: (app: FastifyInstance) => void;
    confirmTimeoutMs?: number;
  },
): Promise<GatewayLine> {
  const { stage, config, log, metrics, confirmTimeoutMs = confirmWithinMs } = options;
  const bus = openBus({ url: config.AMQP_URL, name: stage, log, metrics, probeEveryMs: 1_000, confirmTimeoutMs });
  const writer = new BagWriter(bus, metrics, gaps, mailEncoder(config.WRITE_VERSIONS));
  const tracker = new Tracker(bus, stage);
  let waiting = 0;

  const state: GatewayLine['state'] = () => {
    const now = bus.state();
    return now === 'up' && waiting >= maxWaiting ? 'full' : now;
  };
  const admin = await openAdmin({
    host: config.ADMIN_HOST,
    port: config.ADMIN_PORT,
    metrics,
    live: () => Date.now() - bus.lastTriedAt() < 60_000,
    notReady: () => (bus.ready() ? options.ready?.() : `broker: ${bus.state()}`),
    routes: options.adminRoutes,
  });
  void bus.start();

  return {
    adminPort: admin.port,
    state,
    tell: (event) => tracker.tell(event),
    async accept(station, mail) {
      const before = state();
      if (before !== 'up') throw new NotAccepted(before, `the line is ${before}`);
      waiting += 1;
      const overdue = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => overdue.reject(new NotAccepted(bus.state() === 'blocked' ? 'blocked' : 'unconfirmed', 'the broker did not confirm in time')),
        confirmTimeoutMs,
      );
      const published = writer.add(station, mail);
      try {
        await Promise.race([published, overdue.promise]);
      } catch (error) {
        published.catch(() => {}); // a late failure changes nothing: the sender was told
        if (error instanceof NotAccepted) {
          metrics.possibleDuplicates.inc({ cause: 'unconfirmed' });
          throw error;
        }
        if (!(error instanceof PublishError)) throw error;
        if (error.kind === 'unknown') metrics.possibleDuplicates.inc({ cause: 'unconfirmed' });
        if (error.kind === 'returned') log.error('publish.failed', { reason: `no queue for ${station}: run the topology command` });
        throw new NotAccepted(error.kind === 'refused' ? 'full' : error.kind === 'down' ? 'down' : 'unconfirmed', error.message);
      } finally {
        clearTimeout(timer);
        waiting -= 1;
      }
    },
    async stop() {
      tracker.flush();
      await bus.close();
      options.organization.close();
      await options.ledger.close();
      await admin.close();
      log.info('service.stopped');
    },
  };
}
