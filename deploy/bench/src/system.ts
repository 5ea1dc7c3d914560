import type { Roots } from './processes.ts';

/** A mail system that is measured from outside. */
export interface System {
  name: string; // in tables and JSON lines
  smtp: { host: string; port: number };
  /** Where STARTTLS is offered; may be the same. */
  smtpTls: { host: string; port: number };
  /** The `new` folder of a mailbox. */
  newFolder: (address: string) => string;
  /** Processes that count as the system, asked anew each time: one that died has another pid. */
  roots: () => Roots;
}

/** The server that plays the outside world, the same for all systems of a run. */
export interface Sink {
  port: number;
  list: string; // file, see sinkCounter
  roots: () => Roots;
}

/** Remembers how something is stopped that was started; called as soon as there is something to stop. */
export type ToStop = (stop: () => Promise<void> | void) => void;

/** Something that a person can mend; the message says how. */
export class BenchError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BenchError';
  }
}
