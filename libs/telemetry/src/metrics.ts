import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What a stage has in hand at this moment. */
export interface InHand {
  mails: number; // taken and not yet settled
  bags: number; // taken and not yet acknowledged
  /** When the oldest of them was published, milliseconds since the epoch; `undefined` with nothing in hand. */
  oldestSentAtMs: number | undefined;
}
const nothing: InHand = { mails: 0, bags: 0, oldestSentAtMs: undefined };

/**
 * Every metric of every service, declared once. Label values come from fixed sets: stage, station, outcome, cause; never from a message.
 *
 * @param now milliseconds since the epoch, the clock that publications are stamped by.
 */
export function createMetrics(stage: string, now: () => number = Date.now) {
  const registry = new Registry();
  let inHand = () => nothing;
  registry.setDefaultLabels({ stage });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    handled: new Counter({
      name: 'mailrail_mails_handled_total',
      help: 'mails a stage decided on, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    handleSeconds: new Histogram({ name: 'mailrail_handle_seconds', help: 'time in the stage’s own handler', buckets: seconds, registers }),
    waitSeconds: new Histogram({
      name: 'mailrail_queue_wait_seconds',
      help: 'time from publication to delivery to this stage',
      buckets: seconds,
      registers,
    }),
    /**
     * Says what these three gauges are to ask at each scrape. A gauge that is set when something happens keeps its last value
     * while nothing does: an idle stage would show the age of a mail that is long gone.
     */
    observeInHand: (source: () => InHand) => {
      inHand = source;
    },
    inHand: new Gauge({
      name: 'mailrail_mails_in_hand',
      help: 'mails taken and not yet settled',
      registers,
      collect() {
        this.set(inHand().mails);
      },
    }),
    bagsInHand: new Gauge({
      name: 'mailrail_bags_in_hand',
      help: 'bags taken and not yet acknowledged',
      registers,
      collect() {
        this.set(inHand().bags);
      },
    }),
    oldestSeconds: new Gauge({
      name: 'mailrail_oldest_taken_age_seconds',
      help: 'age of the oldest mail in hand (now minus its publication, or its return from the ladder); 0 with nothing in hand',
      registers,
      collect() {
        const sentAtMs = inHand().oldestSentAtMs;
        this.set(sentAtMs === undefined ? 0 : Math.max(0, now() - sentAtMs) / 1_000);
      },
    }),
    takenBagMails: new Histogram({
      name: 'mailrail_taken_bag_mails',
      help: 'mails in a bag that was taken; sum over count is the mean bag',
      buckets: [1, 2, 4, 8, 16],
      registers,
    }),
    bagMails: new Histogram({ name: 'mailrail_bag_mails', help: 'mails in a published bag', buckets: [1, 2, 4, 8, 16], registers }),
    published: new Counter({
      name: 'mailrail_mails_published_total',
      help: 'mails handed on, by station',
      labelNames: ['station'],
      registers,
    }),
    recipients: new Counter({
      name: 'mailrail_recipients_total',
      help: 'recipients by what became of them (E5)',
      labelNames: ['event'],
      registers,
    }),
    possibleDuplicates: new Counter({
      name: 'possible_duplicates_total',
      help: 'where a duplicate may have come about (R4)',
      labelNames: ['cause'],
      registers,
    }),
    badmail: new Counter({
      name: 'mailrail_badmail_total',
      help: 'mails parked in a badmail lane, by cause',
      labelNames: ['cause'],
      registers,
    }),
    retries: new Counter({ name: 'mailrail_retries_total', help: 'mails put on the ladder, by rung', labelNames: ['rung'], registers }),
    broker: new Gauge({ name: 'mailrail_broker_up', help: '1 while connected to the broker and not blocked by an alarm', registers }),
    reconnects: new Counter({
      name: 'mailrail_broker_reconnects_total',
      help: 'times the connection pair was torn down, by cause',
      labelNames: ['cause'],
      registers,
    }),
    ledgerSilent: new Counter({ name: 'mailrail_ledger_silent_total', help: 'ledger calls without an answer', registers }),
    cacheLookups: new Counter({
      name: 'mailrail_directory_lookups_total',
      help: 'directory lookups by where the answer came from',
      labelNames: ['tier'],
      registers,
    }),
    refused: new Counter({
      name: 'mailrail_refused_total',
      help: 'mail refused at the edge, by gateway and reply code',
      labelNames: ['gateway', 'code'],
      registers,
    }),
    recipientChecks: new Counter({
      name: 'mailrail_recipient_checks_total',
      help: 'recipients looked up at RCPT: known, unknown, or unanswered (and taken)',
      labelNames: ['result'],
      registers,
    }),
    senderChecks: new Counter({
      name: 'mailrail_sender_checks_total',
      help: 'messages whose sender was checked, by gateway, DMARC result and what became of them',
      labelNames: ['gateway', 'dmarc', 'result'],
      registers,
    }),
    limited: new Counter({
      name: 'mailrail_limited_total',
      help: 'what was told to come later since its client is over a limit',
      labelNames: ['gateway', 'subject', 'measure'],
      registers,
    }),
    limitsUnshared: new Counter({
      name: 'mailrail_limits_unshared_total',
      help: 'limits counted by this process alone, since Redis did not answer',
      registers,
    }),
    sessions: new Gauge({ name: 'mailrail_sessions', help: 'open sessions by gateway or connector', labelNames: ['name'], registers }),
  };
}
export type Metrics = ReturnType<typeof createMetrics>;
