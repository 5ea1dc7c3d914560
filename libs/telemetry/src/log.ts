import { type DestinationStream, pino } from 'pino';

/** Structured log of one service: one JSON line a call, `event` last. Fields are facts; addresses, content and secrets stay out. */
export interface Log {
  info(event: string, fields?: object): void;
  warn(event: string, fields?: object): void;
  error(event: string, fields?: object): void;
  debug(event: string, fields?: object): void;
}

/** Lines are written together, at the latest after this: a write for each costs more than making the line. */
const flushEveryMs = 100;

/**
 * @param stage service and role, in every line.
 * @param level pino's level names.
 * @param destination other than standard output.
 */
export function createLog(stage: string, level = 'info', destination: DestinationStream = standardOutput()): Log {
  const logger = pino(
    {
      level,
      base: { stage },
      timestamp: () => `,"at":${Date.now()}`,
      messageKey: 'event',
      formatters: { level: (label: string) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  );
  return {
    info: (event, fields = {}) => logger.info(fields, event),
    warn: (event, fields = {}) => logger.warn(fields, event),
    error: (event, fields = {}) => logger.error(fields, event),
    debug: (event, fields = {}) => logger.debug(fields, event),
  };
}

let output: ReturnType<typeof pino.destination> | undefined;

/** One for the process. What is buffered is written when the process ends, however it does short of a kill. */
function standardOutput(): DestinationStream {
  if (output !== undefined) return output;
  const opened = pino.destination({ fd: 1, minLength: 8_192, sync: true });
  opened.on('error', () => {}); // nobody reads our output any more: no reason to stop carrying mail
  setInterval(() => opened.flush(), flushEveryMs).unref();
  process.on('exit', () => opened.flushSync());
  output = opened;
  return opened;
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
