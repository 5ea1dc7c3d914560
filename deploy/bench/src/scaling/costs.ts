import { z } from 'zod';

/** CPU one mail costs, in milliseconds of one core; what the simulation runs on. */
export interface Costs {
  /** Stage (`store-driver.deliver`) -> ms for a mail to one recipient. */
  mailMs: Readonly<Record<string, number>>;
  /** ms for each further recipient of one mail, in the categorizer and at delivery. */
  recipientMs: Readonly<Record<string, number>>;
}

/**
 * Measured by `npm run bench -- --workloads W1-reuse,W2,W3`, the higher of W1 and W2, on two cores that the whole line, its load
 * and other work shared (Node 24, 4 KB mails). Per recipient: W3, one mail to a thousand. Of the report stage nothing is measured:
 * it makes a mail of its own for each mail it takes, as the gateway does.
 */
export const measured: Costs = {
  mailMs: {
    gateway: 0.99,
    translator: 0.31,
    'store-driver.submit': 0.26,
    mta: 0.24,
    'store-driver.transfer': 0.26,
    'advanced-queuing.submit': 0.28,
    categorizer: 0.31,
    'store-driver.deliver': 0.32,
    router: 0.32,
    'connectors/smtp.internet': 0.61,
    'advanced-queuing.report': 0.99,
    rabbitmq: 1.12,
    redis: 0.12,
  },
  recipientMs: { categorizer: 0.05, 'store-driver.deliver': 0.08 },
};

const Line = z.object({ workload: z.string(), system: z.string(), cpuSecondsPer1000: z.object({ by: z.record(z.string(), z.number()) }) });

/**
 * Costs from the JSON lines of a bench of one's own (`--json FILE`): seconds for 1,000 copies are milliseconds for one.
 *
 * @throws Error when there is no line of W1 or W2 in it; what it does not name keeps its measured cost.
 */
export function costsOf(jsonLines: string): Costs {
  const rows = jsonLines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => Line.safeParse(JSON.parse(line)))
    .flatMap((parsed) => (parsed.success && parsed.data.system === 'mailrail' ? [parsed.data] : []));
  const mails = rows.filter(({ workload }) => /^W[12](-reuse)?$/.test(workload));
  if (mails.length === 0) throw new Error('no line of workload W1 or W2 on mailrail, with CPU by process, is in it');
  const mailMs: Record<string, number> = { ...measured.mailMs };
  for (const stage of Object.keys(mailMs)) {
    const found = mails.map((row) => row.cpuSecondsPer1000.by[stage] ?? 0).filter((ms) => ms > 0);
    if (found.length > 0) mailMs[stage] = Math.max(...found);
  }
  const groups = rows.filter(({ workload }) => workload === 'W3');
  const recipientMs: Record<string, number> = { ...measured.recipientMs };
  for (const stage of Object.keys(recipientMs)) {
    const found = groups.map((row) => row.cpuSecondsPer1000.by[stage] ?? 0).filter((ms) => ms > 0);
    if (found.length > 0) recipientMs[stage] = Math.max(...found);
  }
  return { mailMs, recipientMs };
}
