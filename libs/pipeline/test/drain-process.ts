// A stage on `mts-in` as a process of its own, whose handler waits for something that takes a while. argv[2]: milliseconds a mail.
import { setTimeout as pause } from 'node:timers/promises';
import { SubmittedMail, type TransferMail } from '@mailrail/contracts';
import { memoryLedger } from '@mailrail/ledger';
import { createLog, createMetrics } from '@mailrail/telemetry';
import { done, runAsProcess, runService, toStation } from '../src/index.ts';
import { organization } from './line-for-tests.ts';

const handlerMs = Number(process.argv[2]);

await runAsProcess(import.meta, async (env) =>
  runService({
    stage: 'store-driver.submit',
    station: 'mts-in',
    consumes: SubmittedMail,
    config: { AMQP_URL: env['AMQP_URL'] ?? '', REDIS_URL: '', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: Number(env['ADMIN_PORT']) },
    organization,
    ledger: { ...memoryLedger(), close: async () => {} },
    log: createLog('test', 'warn'),
    metrics: createMetrics('test'),
    handle: async (mail) => {
      await pause(handlerMs);
      const stored: TransferMail = { ...mail, storedAt: Date.now() };
      return done([toStation('mta', stored)]);
    },
  }),
);
