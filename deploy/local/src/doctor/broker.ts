import { brokerSources, commandLine, type Source, waitFor } from '@mailrail/testing';
import { z } from 'zod';
import type { Endpoints } from '../endpoints.ts';
import { reasonOf } from '../error-code.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const Overview = z.object({ rabbitmq_version: z.string() });
const Nodes = z.array(
  z.object({
    name: z.string(),
    running: z.boolean(),
    enabled_plugins: z.array(z.string()).default([]),
    mem_alarm: z.boolean().default(false),
    disk_free_alarm: z.boolean().default(false),
    disk_free: z.number().optional(),
    disk_free_limit: z.number().optional(),
  }),
);
const neededPlugins = ['rabbitmq_management', 'rabbitmq_shovel', 'rabbitmq_shovel_management', 'rabbitmq_prometheus'];

/** RabbitMQ: of the running line, or where the next start would take it from. */
export async function lookAtBroker(line: Endpoints | undefined, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  if (line === undefined) return [sourceFinding('RabbitMQ', source(env, 'rabbitmq')), sourceFinding('Redis', source(env, 'redis'))];
  const { management } = line;
  if (management === undefined) {
    return [
      warn('RabbitMQ', 'given by AMQP_URL; its management API is not known', 'set MGMT_URL at the start, and the console can be looked at'),
    ];
  }
  const url = new URL(management);
  const login = url.username === '' ? new URL(line.amqp) : url;
  const authorization = `Basic ${btoa(`${decodeURIComponent(login.username || 'guest')}:${decodeURIComponent(login.password || 'guest')}`)}`;
  const ask = async (what: string): Promise<unknown> => {
    const answer = await fetch(`${url.origin}/api/${what}`, { headers: { authorization }, signal: AbortSignal.timeout(5_000) });
    if (!answer.ok) throw new Error(`${what}: ${answer.status}`);
    return answer.json();
  };
  try {
    const { rabbitmq_version: version } = Overview.parse(await ask('overview'));
    // A node tells its plugins only with its first statistics, 5 s after it came up.
    const nodes = await waitFor(
      async () => {
        const told = Nodes.parse(await ask('nodes'));
        return told.every(({ running, enabled_plugins: plugins }) => !running || plugins.length > 0) && told;
      },
      { timeoutMs: 8_000, what: 'the broker tells of its nodes' },
    );
    return [versionFinding(version), ...nodes.flatMap(nodeFindings), ...flagsFinding(line.infrastructure['rabbitmq'])];
  } catch (error) {
    return [fail('RabbitMQ', `the management API at ${url.origin} does not answer: ${reasonOf(error)}`, 'look at DIR/broker/log')];
  }
}

export function versionFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 3 || (major === 3 && minor >= 10)) return ok('RabbitMQ', version);
  return fail('RabbitMQ', version, 'at least 3.10: older ones lose mail in dead lettering of quorum queues');
}

function nodeFindings(node: z.output<typeof Nodes>[number]): Finding[] {
  const { name, running, enabled_plugins: plugins, mem_alarm: memory, disk_free_alarm: disk } = node;
  if (!running) return [fail('broker node', `${name} is down`, 'start it: queues with members there have one copy less')];
  const missing = neededPlugins.filter((plugin) => !plugins.includes(plugin));
  return [
    missing.length === 0
      ? ok('broker plugins', 'management, shovel and prometheus are on')
      : warn('broker plugins', `${missing.join(', ')} off`, `rabbitmq-plugins enable ${missing.join(' ')}`),
    memory || disk
      ? fail('broker alarm', memory ? 'memory' : 'disk', 'mail is not taken until it is over; free memory or disk, or drain queues')
      : ok('broker alarm', 'none'),
  ];
}

/** Idle schedulers of Erlang spin by default, and take the processor from the stages. */
function flagsFinding(pid: number | undefined): Finding[] {
  const line = pid === undefined ? '' : commandLine(pid);
  if (line === '') return [];
  if (/-sbwt none/.test(line)) return [ok('broker flags', 'idle schedulers sleep')];
  return [warn('broker flags', 'idle schedulers spin', 'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none"')];
}

/** Where a start would take a broker from; a text when there is no way. Nothing is installed or fetched for the answer. */
function source(env: NodeJS.ProcessEnv, name: 'rabbitmq' | 'redis'): Source | string {
  try {
    return brokerSources({ ...env, MAILRAIL_INSTALL: 'never', MAILRAIL_PULL: 'never' })[name];
  } catch (error) {
    return reasonOf(error);
  }
}

function sourceFinding(what: string, found: Source | string): Finding {
  if (typeof found === 'string') return warn(what, 'not on this machine', 'npm start installs it where it may, and says how where not');
  switch (found.from) {
    case 'url':
      return ok(what, 'given by a variable, and it answers');
    case 'container':
      return ok(what, `from ${found.engine}, image ${found.image}`);
    case 'binary':
      return ok(what, found.path);
  }
}
