import type { LogLine } from './log-lines.ts';

/** Fields that have a column of their own, or say nothing to a person who follows one mail. */
const shownElsewhere = new Set([
  'at',
  'stage',
  'event',
  'level',
  'rootId',
  'mailId',
  'outcome',
  'reason',
  'durationMs',
  'settledMs',
  'station',
  'pid',
]);

/**
 * The way of one mail as lines of text, in the order and with the times in which stages began with it, counted from the first. A stage
 * writes its line when all is confirmed, and the next one may be done before that.
 */
export function timeline(logged: readonly LogLine[]): string[] {
  // What took the mail in comes first, whatever the clocks of processes say of the milliseconds around it.
  const began = (line: LogLine) => line.at - (line.settledMs ?? 0);
  const [entry, ...others] = logged;
  if (entry === undefined) return [];
  const lines = [entry, ...others.sort((a, b) => began(a) - began(b))];
  const first = began(entry);
  const copies = [...new Set(lines.map(({ mailId }) => mailId).filter((id) => id !== undefined))];
  return lines.map((line) => {
    const copy = copies.length > 1 && line.mailId !== undefined ? ` #${copies.indexOf(line.mailId) + 1}` : '';
    const what = line.event === 'mail.handled' ? (line.outcome ?? '') : line.event;
    const took = line.settledMs === undefined ? '' : `${line.settledMs} ms`;
    const facts = Object.entries(line)
      .filter(([name, value]) => !shownElsewhere.has(name) && value !== undefined && !(name === 'attempt' && value === 1))
      .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(' ');
    const reason = line.reason === undefined ? '' : `: ${line.reason}`;
    return `${String(Math.max(0, Math.round(began(line) - first))).padStart(8)} ms  ${`${line.stage}${copy}`.padEnd(26)} ${what.padEnd(10)} ${took.padStart(9)}  ${facts}${reason}`.trimEnd();
  });
}
