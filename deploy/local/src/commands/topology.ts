import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { organizationErrorsText, parseOrganization, waysOut } from '@mailrail/organization';
import { badmailQueue, queueName, topologyOf } from '@mailrail/topology';
import amqp from 'amqplib';
import { readEndpoints } from '../endpoints.ts';
import { reasonOf } from '../error-code.ts';
import { type Command, dataOption } from './command.ts';
import { wordsOf } from './words.ts';

const defaultFile = path.join(import.meta.dirname, '..', '..', '..', '..', 'libs', 'organization', 'default', 'organization.yaml');

export const topology: Command = {
  usage: 'topology [--organization FILE]',
  says: 'every queue: what it holds, who takes from it, how much waits',
  help: `Lists the queues of the line in the order of the process. With a line that runs on the data folder it also asks how many
messages wait in each.

  --organization FILE    organization.yaml (default: that of the data folder, else the built-in one)
  --data DIR             data folder (default .mailrail)
  --json                 as JSON

Declaring is the launcher's part, and in a cluster that of \`node libs/topology/src/main.ts\`.`,
  run: async (argv, { cwd, env, print }) => {
    const { values, switches } = wordsOf(argv, { values: ['organization', 'data'], switches: ['json'] });
    const data = path.resolve(cwd, dataOption(values.get('data'), env));
    const given = values.get('organization');
    const file = given === undefined ? path.join(data, 'organization.yaml') : path.resolve(cwd, given);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (given !== undefined) throw new Error(`${file}: ${reasonOf(error)}`, { cause: error });
      return readFile(defaultFile, 'utf8');
    });
    const parsed = parseOrganization(text, { env });
    if (!parsed.ok) throw new Error(`organization file ${file} has mistakes:\n${organizationErrorsText(parsed.errors)}`);
    const { stations, queues } = topologyOf(waysOut(parsed.snapshot.settings));
    const line = await readEndpoints(data);
    const depths =
      line === undefined
        ? undefined
        : await depthsOf(
            line.amqp,
            queues.map(({ name }) => name),
          );
    const rows = Object.entries(stations).flatMap(([station, { holds, takenBy, lanes }]) => [
      ...lanes.map((lane) => ({ queue: queueName(station, lane), takenBy, holds })),
      { queue: badmailQueue(station), takenBy: 'nobody', holds: `dead letters of ${takenBy}` },
    ]);
    const named = new Set(rows.map(({ queue }) => queue));
    for (const { name } of queues)
      if (!named.has(name)) rows.push({ queue: name, takenBy: name.startsWith('retry.') ? 'the broker' : 'a person', holds: '' });
    rows.sort((a, b) => a.queue.localeCompare(b.queue));
    if (switches.has('json')) print(JSON.stringify(rows.map((row) => ({ ...row, waiting: depths?.get(row.queue) }))));
    else {
      for (const { queue, takenBy, holds } of rows) {
        const waiting = depths === undefined ? '' : `${String(depths.get(queue) ?? '-').padStart(7)}  `;
        print(`${waiting}${queue.padEnd(34)} ${takenBy.padEnd(26)} ${holds}`.trimEnd());
      }
      if (depths === undefined) print(`\nno line runs on ${data}: how much waits is not known`);
    }
    return 0;
  },
};

/** Messages ready in each queue; a queue that does not exist has no entry. */
async function depthsOf(amqpUrl: string, queues: readonly string[]): Promise<Map<string, number>> {
  const depths = new Map<string, number>();
  const connection = await amqp.connect(amqpUrl, { noDelay: true, timeout: 3_000 });
  connection.on('error', () => {});
  try {
    for (const queue of queues) {
      // One channel each: asking for a queue that does not exist closes the channel.
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      try {
        depths.set(queue, (await channel.checkQueue(queue)).messageCount);
        await channel.close();
      } catch {
        continue;
      }
    }
  } finally {
    await connection.close();
  }
  return depths;
}
