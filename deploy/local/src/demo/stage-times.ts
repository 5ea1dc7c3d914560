import type { LogLine } from '../trace/log-lines.ts';

export interface StageTime {
  stage: string;
  mails: number;
  medianMs: number; // from taken to settled: handed on, confirmed, acknowledged
  longestMs: number;
}

/** How long stages had mails in hand, in the order mail first came to them. */
export function stageTimes(lines: readonly LogLine[]): StageTime[] {
  const times = new Map<string, number[]>();
  for (const line of lines) {
    if (line.event !== 'mail.handled' || line.settledMs === undefined) continue;
    times.set(line.stage, [...(times.get(line.stage) ?? []), line.settledMs]);
  }
  return [...times].map(([stage, all]) => {
    const sorted = all.toSorted((a, b) => a - b);
    return { stage, mails: all.length, medianMs: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0, longestMs: sorted.at(-1) ?? 0 };
  });
}
