/** What the generator is to send. Mail number `i` goes to `recipients[i % recipients.length]`. */
export interface LoadJob {
  kind: 'load';
  host: string;
  port: number;
  recipients: readonly string[]; // not empty
  count: number;
  sessions: number; // at the same time
  reuse: boolean; // one connection for all mails of a session; else a new one for each mail, as it is on an MX
  tls: boolean; // STARTTLS on every connection, no session resumed; the certificate is not looked at
  perSecond: number | undefined; // one mail every 1/perSecond s, each on a new connection, whatever the answers; else as fast as possible
  tag: string; // Message-ID is `<TAG.NUMBER@load.example>`
  messageBytes: number;
  withinMs: number; // then it stops; what was not sent is `unsent`
}

/** What became of it. Times of one mail are milliseconds of the system's monotonic clock (`process.hrtime`), 0 where there is none. */
export interface LoadResult {
  startedAt: number; // just before the first connection
  /** Milliseconds to add to a monotonic time to have one of the epoch. */
  epochOffsetMs: number;
  dotAt: Float64Array; // the last byte of the mail was given to the kernel
  acceptedAt: Float64Array; // the 250 was read
  refused: number; // connections that were not opened or not greeted, tried again
  deferred: number; // 4xx answers, tried again
  dropped: number; // connections that broke before the mail was complete, tried again
  rejected: number; // 5xx answers: not tried again
  unanswered: number; // the connection broke between dot and answer: nobody knows, not tried again
  unsent: number; // time was up, or tried too often
}

/** Makes files appear in a folder, to find out how late a watcher sees them. */
export interface TouchJob {
  kind: 'touch';
  from: string; // folder on the same file system
  to: string; // watched folder
  count: number;
  everyMs: number;
}

export interface TouchResult {
  appearedAt: Float64Array; // monotonic ms, just after the rename of file number i
}

export type Job = LoadJob | TouchJob;
export type JobResult<Kind extends Job> = Kind extends LoadJob ? LoadResult : TouchResult;

/** Answers of the generator's process. */
export type Answer = { ok: true; result: LoadResult | TouchResult } | { ok: false; reason: string };

/** Monotonic clock of the whole machine, so that processes can compare. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
