import { openBus } from '@mailrail/broker';
import { type Contract, mailEncoder } from '@mailrail/contracts';
import { deadLetters, queueName, stations } from '@mailrail/topology';
import { openAdmin } from './admin.ts';
import { BagWriter } from './bag-writer.ts';
import { deadLetterParking } from './dead-letters.ts';
import { type Pin, parking } from './parking.ts';
import type { ServiceOptions } from './service.ts';
import { StageRunner } from './stage-runner.ts';
import { Tracker } from './tracker.ts';

/** A service that runs. */
export interface Running {
  adminPort: number;
  /** Stops taking, finishes or hands back what is in hand, closes. */
  stop(): Promise<void>;
}

/** How long a stopping service works on what it has in hand; what is left goes back to the broker. Fits a grace period of 30 s. */
const drainMs = 20_000;
const liveWithinMs = 60_000;

/** Runs one stage: consumes its station, wraps `handle`, publishes, acknowledges, and shows itself on the admin port. */
export async function runService<C extends Contract>(options: ServiceOptions<C> & { content?: Pin }): Promise<Running> {
  const { stage, station, config, log, metrics, ledger, organization } = options;
  const lanes = Object.entries(stations).find(([name]) => name === station)?.[1].lanes ?? (['normal'] as const);
  let runner: StageRunner<C> | undefined;
  const bus = openBus({
    url: config.AMQP_URL,
    name: stage,
    log,
    metrics,
    consume: {
      queues: [...lanes.map((lane) => queueName(station, lane)), ...(options.parksDeadLetters === true ? [deadLetters] : [])],
      prefetch: config.PREFETCH ?? 64,
      ackAlone: options.ackAlone ?? false,
      onDelivery: (delivery) => {
        if (delivery.queue === deadLetters)
          void park(delivery); // never rejects
        else runner?.take(delivery);
      },
    },
  });
  const tracker = new Tracker(bus, stage);
  const park = deadLetterParking({ bus, content: options.content, ledger, log, metrics, tracker, stage });
  const encode = mailEncoder(config.WRITE_VERSIONS, [options.consumes]);
  runner = new StageRunner(options, {
    bus,
    writer: new BagWriter(bus, metrics, undefined, encode),
    tracker,
    encode,
    parking: parking({ bus, ledger, log, metrics, content: options.content, encode, stage, station }),
    schedule: options.schedule ?? (() => organization.current().settings.schedule),
    ...(options.clock === undefined ? {} : { now: options.clock }),
    ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
    ...(options.marks === undefined ? {} : { marks: options.marks }),
  });
  const admin = await openAdmin({
    host: config.ADMIN_HOST,
    port: config.ADMIN_PORT,
    metrics,
    live: () => Date.now() - bus.lastTriedAt() < liveWithinMs,
    notReady: () => (bus.ready() ? options.ready?.() : `broker: ${bus.state()}`),
    routes: options.adminRoutes,
  });
  log.info('service.started', { adminPort: admin.port, station });
  void bus.start();

  const running = runner;
  return {
    adminPort: admin.port,
    async stop() {
      log.info('service.stopping');
      await bus.stopConsuming();
      const drained = await running.drained(drainMs);
      running.close();
      await bus.close();
      await options.close?.();
      organization.close();
      await ledger.close();
      await admin.close();
      log.info('service.stopped', { drained });
    },
  };
}
