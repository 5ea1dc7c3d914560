import type { Contract, Envelope, Hooks, Marks, WriteVersions } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import type { OrganizationSource, RetrySchedule } from '@mailrail/organization';
import type { Log, Metrics } from '@mailrail/telemetry';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Outcome } from './outcome.ts';

export interface HandleContext {
  now: number; // milliseconds since the epoch, when the mail was taken
  signal: AbortSignal; // aborted at the handler's deadline or when its channel is lost (R9)
  redelivered: boolean;
}

/** A service as `main.ts` describes it; see `runService`. */
export interface ServiceOptions<C extends Contract> {
  stage: string; // service and role: `store-driver.submit`
  station: string; // whose queue it consumes
  consumes: C;
  config: {
    AMQP_URL: string;
    REDIS_URL: string;
    ADMIN_HOST: string;
    ADMIN_PORT: number;
    PREFETCH?: number | undefined;
    WRITE_VERSIONS?: WriteVersions;
  };
  organization: OrganizationSource;
  ledger: Ledger;
  log: Log;
  metrics: Metrics;
  handle: (mail: z.output<C['schema']> & Envelope, context: HandleContext) => Promise<Outcome> | Outcome;
  /** Mails at once, whatever their bags (B3). Default 256. */
  concurrency?: number;
  /** Connectors: each bag is acknowledged alone (R8). */
  ackAlone?: boolean;
  /** Claim every mail here by its copy (R3), counting it as accepted: `advanced-queuing` submit. */
  claimsAccepted?: boolean;
  /** Parks what the broker gave up, of every station (R13): `advanced-queuing` report. */
  parksDeadLetters?: boolean;
  handlerTimeoutMs?: number; // default 60,000
  /** Waits for the `transport` ladder; default the organization's schedule. */
  schedule?: () => RetrySchedule;
  hooks?: Hooks;
  clock?: () => number; // milliseconds since the epoch; tests turn it
  marks?: Marks;
  /** A reason why the service is not ready, beside the broker's. */
  ready?: () => string | undefined;
  adminRoutes?: (app: FastifyInstance) => void;
  close?: () => Promise<void>; // after the last mail in hand has settled
}
