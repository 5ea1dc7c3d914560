import path from 'node:path';
import { UsageError } from '../options.ts';
import { type LogLine, logLines } from '../trace/log-lines.ts';
import { rootsOfMessageId } from '../trace/root-of-message-id.ts';
import { timeline } from '../trace/timeline.ts';
import { type Command, dataOption } from './command.ts';
import { wordsOf } from './words.ts';

export const trace: Command = {
  usage: 'trace ID',
  says: 'the way of one mail through the stages',
  help: `Shows from the logs what every stage did with a mail, in the order of time.
ID is what a gateway answered (\`id\` of HTTP, the number in SMTP's 250), a mail id of the console, or a Message-ID.
Logs are kept for the last 32 to 64 MB of each stage.

  --data DIR             data folder (default .mailrail)
  --json                 the log lines, as a JSON array

  npm run mailrail -- trace 0198c1f2-7a55-7b1c-9d4e-5f60a1b2c3d4
  npm run mailrail -- trace '<1234@elsewhere.example>'`,
  run: async (argv, { cwd, env, print }) => {
    const { values, switches, rest } = wordsOf(argv, { values: ['data'], switches: ['json'] });
    const [id, more] = rest;
    if (id === undefined || more !== undefined) throw new UsageError('trace: name one ID');
    const data = path.resolve(cwd, dataOption(values.get('data'), env));
    const logs = path.join(data, 'logs');
    const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
    const roots = isUuid
      ? await rootsOfId(logs, id.toLowerCase())
      : await rootsOfMessageId(path.join(data, 'content'), id.startsWith('<') ? id : `<${id}>`);
    const ways: LogLine[][] = [];
    for (const root of roots) {
      const lines = await logLines(logs, (text) => text.includes(root));
      if (lines.length > 0) ways.push(lines);
    }
    if (switches.has('json')) print(JSON.stringify(ways.flat()));
    if (ways.length === 0) {
      if (!switches.has('json'))
        print(`nothing is known of ${id} in ${data}: neither in its logs nor, for a Message-ID, among its stored messages`);
      return 1;
    }
    if (switches.has('json')) return 0;
    for (const lines of ways) {
      const root = lines.find(({ rootId }) => rootId !== undefined)?.rootId ?? id;
      print(`${root}, ${new Date(lines[0]?.at ?? 0).toISOString()}`);
      for (const line of timeline(lines)) print(line);
    }
    return 0;
  },
};

/** The root of an id that may be a root itself or that of a part. */
async function rootsOfId(logs: string, id: string): Promise<string[]> {
  const lines = await logLines(logs, (text) => text.includes(id), 1_000);
  const roots = [...new Set(lines.map(({ rootId }) => rootId).filter((root) => root !== undefined))];
  return roots.length > 0 ? roots : [id];
}
