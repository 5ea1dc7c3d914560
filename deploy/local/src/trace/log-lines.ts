import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/** A line of a stage's log. */
const LogLine = z.looseObject({
  at: z.number(), // milliseconds since the epoch
  stage: z.string(),
  event: z.string(),
  level: z.string().optional(),
  rootId: z.string().optional(),
  mailId: z.string().optional(),
  outcome: z.string().optional(),
  reason: z.string().optional(),
  settledMs: z.number().optional(),
});
export type LogLine = z.output<typeof LogLine>;

/**
 * Lines of all stages' logs, the kept older ones too, that a test of their text lets through, in the order of time.
 *
 * @param wanted looks at the raw line first: most lines are never parsed.
 * @param limit the newest so many are kept.
 */
export async function logLines(logs: string, wanted: (line: string) => boolean, limit = 10_000): Promise<LogLine[]> {
  const found: LogLine[] = [];
  for (const name of await readdir(logs).catch(() => [])) {
    if (!/\.log(\.1)?$/.test(name)) continue;
    for await (const text of createInterface({ input: createReadStream(path.join(logs, name)), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (!text.startsWith('{') || !wanted(text)) continue;
      const line = parsed(text);
      if (line !== undefined) found.push(line);
      if (found.length > 2 * limit) found.sort((a, b) => a.at - b.at).splice(0, found.length - limit);
    }
  }
  return found.sort((a, b) => a.at - b.at).slice(-limit);
}

function parsed(text: string): LogLine | undefined {
  try {
    return LogLine.parse(JSON.parse(text));
  } catch {
    return undefined; // cut off where the log was turned over, or somebody else's line
  }
}
