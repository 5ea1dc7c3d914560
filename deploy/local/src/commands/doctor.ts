import path from 'node:path';
import { commandLine } from '@mailrail/testing';
import { lookAtBroker } from '../doctor/broker.ts';
import { lookAtDisk } from '../doctor/disk.ts';
import { type Finding, fail, findingLines, ok } from '../doctor/finding.ts';
import { lookAtMachine } from '../doctor/machine.ts';
import { lookAtPorts } from '../doctor/ports.ts';
import { lookAtRedis } from '../doctor/redis.ts';
import { type Endpoints, readEndpoints } from '../endpoints.ts';
import { usualPorts } from '../port-plan.ts';
import { type Command, dataOption } from './command.ts';
import { wordsOf } from './words.ts';

export const doctor: Command = {
  usage: 'doctor',
  says: 'whether this machine is fit, and the running line well',
  help: `Looks at Node, memory, ports, the data folder (room, hard links, time of a flush), RabbitMQ and Redis, and with a running line
at its stages. Each line says ok, warn or fail, and what to do. Nothing is changed.

  --data DIR             data folder (default .mailrail)
  --json                 as JSON

Exit code 1 when something fails; warnings alone are 0.`,
  run: async (argv, { cwd, env, print }) => {
    const { values, switches } = wordsOf(argv, { values: ['data'], switches: ['json'] });
    const data = path.resolve(cwd, dataOption(values.get('data'), env));
    const line = await readEndpoints(data);
    const findings = [
      ...(await lookAtMachine()),
      ...(await lookAtDisk(data)),
      ...(await lookAtPorts(usualPorts, line)),
      ...(await lookAtBroker(line, env)),
      ...(await lookAtRedis(line)),
      ...(await lookAtStages(line)),
    ];
    if (switches.has('json')) print(JSON.stringify(findings));
    else for (const text of findings.flatMap(findingLines)) print(text);
    return findings.some(({ level }) => level === 'fail') ? 1 : 0;
  },
};

/** Every stage of a running line: there, and ready by its own word. */
async function lookAtStages(line: Endpoints | undefined): Promise<Finding[]> {
  if (line === undefined) return [ok('line', 'none runs on this data folder')];
  const faults: Finding[] = [];
  for (const [name, pid] of Object.entries(line.pids)) {
    if (pid === 0 || commandLine(pid) === '') {
      faults.push(fail(name, 'does not run', 'it is started again by the launcher; if there is none, stop what is left and npm start'));
      continue;
    }
    const url = line.admin[name];
    if (url === undefined) continue;
    try {
      const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(3_000) });
      const text = await answer.text();
      if (!answer.ok) faults.push(fail(name, `not ready: ${text.slice(0, 120)}`, `see its log, DIR/logs/${name.replaceAll('/', '-')}.log`));
    } catch {
      faults.push(fail(name, 'its admin port does not answer', `see its log, DIR/logs/${name.replaceAll('/', '-')}.log`));
    }
  }
  return faults.length > 0 ? faults : [ok('stages', `all ${Object.keys(line.pids).length} are ready`)];
}
