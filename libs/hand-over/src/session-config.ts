import { z } from 'zod';
import type { TimeLimits } from './time-limits.ts';
import { rfcTimeLimits } from './time-limits.ts';

/** A variable that is set to nothing is not set: compose files and manifests write it so. */
export const optionalText = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));
const milliseconds = (most: number) => z.coerce.number().int().min(1).max(most);

/**
 * What both connectors read from their environment beside the common part; the time limits are RFC 5321 §4.5.3.2's. SESSION_LIMIT_MS
 * and FINAL_TIMEOUT_MS together stay below the half hour after which the broker takes an unacknowledged delivery back.
 */
export const sessionConfig = {
  CONNECTOR_NAME: optionalText.describe('the connector of organization.yaml; the first argument goes before it'),
  PREFETCH: z.coerce.number().int().min(1).max(1_000).optional().describe('bags held unacknowledged; default the connector’s maxSessions'),
  SESSION_IDLE_MS: milliseconds(300_000).default(10_000).describe('an idle session is closed after this'),
  SESSION_MAILS: z.coerce.number().int().min(1).max(10_000).default(100).describe('mails one session carries at most'),
  SESSION_LIMIT_MS: milliseconds(900_000).default(600_000).describe('everything about one mail up to its closing dot is over after this'),
  CONNECT_TIMEOUT_MS: milliseconds(600_000).default(rfcTimeLimits.connectMs).describe('for one address'),
  GREETING_TIMEOUT_MS: milliseconds(300_000).default(rfcTimeLimits.greetingMs).describe('for the greeting'),
  COMMAND_TIMEOUT_MS: milliseconds(600_000).default(rfcTimeLimits.commandMs).describe('for the reply to a command'),
  DATA_BLOCK_TIMEOUT_MS: milliseconds(600_000).default(rfcTimeLimits.blockMs).describe('for the peer to take a block of data'),
  FINAL_TIMEOUT_MS: milliseconds(600_000)
    .default(rfcTimeLimits.finalMs)
    .describe('for the reply to the closing dot; a short one makes duplicates'),
};
const SessionConfig = z.object(sessionConfig);
export type SessionConfig = z.output<typeof SessionConfig>;

export function timeLimitsOf(config: SessionConfig): TimeLimits {
  return {
    ...rfcTimeLimits,
    connectMs: config.CONNECT_TIMEOUT_MS,
    greetingMs: config.GREETING_TIMEOUT_MS,
    commandMs: config.COMMAND_TIMEOUT_MS,
    blockMs: config.DATA_BLOCK_TIMEOUT_MS,
    finalMs: config.FINAL_TIMEOUT_MS,
  };
}
