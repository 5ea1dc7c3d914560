import { type DestinationStream, pino } from 'pino';

/** Structured log of one service: one JSON line a call, `event` first. Fields are facts; addresses, content and secrets stay out. */
export interface Log {
  info(event: string, fields?: object): void;
  warn(event: string, fields?: object): void;
  error(event: string, fields?: object): void;
  debug(event: string, fields?: object): void;
}

/**
 * @param stage service and role, in every line.
 * @param level pino's level names.
 */
export function createLog(stage: string, level = 'info', destination?: DestinationStream): Log {
  const options = {
    level,
    base: { stage },
    timestamp: () => `,"at":${Date.now()}`,
    messageKey: 'event',
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
  };
  const logger = destination === undefined ? pino(options) : pino(options, destination);
  return {
    info: (event, fields = {}) => logger.info(fields, event),
    warn: (event, fields = {}) => logger.warn(fields, event),
    error: (event, fields = {}) => logger.error(fields, event),
    debug: (event, fields = {}) => logger.debug(fields, event),
  };
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
