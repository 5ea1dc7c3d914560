import { byWorkload, ratioOf } from './report.ts';
import { rounded } from './statistics.ts';
import type { Summary } from './summary.ts';

interface Goal {
  workload: string;
  says: string;
  /** The figure and whether it is good enough, `undefined` when it was not measured. `plain` is the line's W1. */
  judge: (line: Summary, postfix: Summary | undefined, plain: Summary | undefined) => { value: number; met: boolean } | undefined;
}

const atLeast = (value: number | undefined, least: number) => (value === undefined ? undefined : { value, met: value >= least });
const under = (value: number | undefined, most: number) => (value === undefined ? undefined : { value, met: value <= most });

/** What the line is meant to reach, with separate processes and everything durable. */
const goals: readonly Goal[] = [
  {
    workload: 'W1',
    says: 'rate, times Postfix’s (at least 1.5)',
    judge: (line, postfix) => atLeast(ratioOf(line.perSecond, postfix?.perSecond), 1.5),
  },
  {
    workload: 'W1-tls',
    says: 'rate, times that of W1 (at least 0.5)',
    judge: (line, _postfix, plain) => atLeast(ratioOf(line.perSecond, plain?.perSecond), 0.5),
  },
  {
    workload: 'W3',
    says: 'copies/s, times Postfix’s (at least 2)',
    judge: (line, postfix) => atLeast(ratioOf(line.perSecond, postfix?.perSecond), 2),
  },
  {
    workload: 'W4-1',
    says: 'end of data to 250, p50, times Postfix’s (at most 2.5)',
    judge: (line, postfix) => under(ratioOf(line.replyMs?.p50, postfix?.replyMs?.p50), 2.5),
  },
  {
    workload: 'W4-20',
    says: 'end of data to 250, p50, times Postfix’s (at most 1)',
    judge: (line, postfix) => under(ratioOf(line.replyMs?.p50, postfix?.replyMs?.p50), 1),
  },
  { workload: 'W5', says: '250 to file, p50 ms (under 40)', judge: (line) => under(line.deliveryMs?.p50.median, 40) },
  { workload: 'W5', says: '250 to file, p99 ms (under 150)', judge: (line) => under(line.deliveryMs?.p99.median, 150) },
  {
    workload: 'W1',
    says: 'CPU seconds for 1,000 mails (at most 2.8)',
    judge: (line) => under(line.cpuSecondsPer1000?.total.median, 2.8),
  },
  {
    workload: 'W1',
    says: 'CPU seconds of the gateway for 1,000 mails (under 0.9)',
    judge: (line) => under(line.cpuSecondsPer1000?.by['gateway'], 0.9),
  },
];

/** A line for each goal that can be judged from what was measured; none when the line itself was not measured. */
export function goalLines(summaries: readonly Summary[], lineName: string): string[] {
  const plain = summaries.find((one) => one.system === lineName && one.workload === 'W1');
  return byWorkload(summaries).flatMap((group) => {
    const line = group.find((one) => one.system === lineName);
    if (line === undefined) return [];
    const postfix = group.find((one) => one.system === 'postfix');
    return goals
      .filter(({ workload }) => workload === line.workload)
      .flatMap(({ workload, says, judge }) => {
        const judged = judge(line, postfix, plain);
        return judged === undefined ? [] : [`${judged.met ? 'met   ' : 'MISSED'}  ${workload}: ${says}: ${rounded(judged.value)}`];
      });
  });
}
