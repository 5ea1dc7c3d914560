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

/** The way of one mail as lines of text, times counted from the first. */
export function timeline(lines: readonly LogLine[]): string[] {
  const first = lines[0]?.at ?? 0;
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
    return `${String(line.at - first).padStart(8)} ms  ${`${line.stage}${copy}`.padEnd(26)} ${what.padEnd(10)} ${took.padStart(9)}  ${facts}${reason}`.trimEnd();
  });
}
