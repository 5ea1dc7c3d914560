import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** Where a broker comes from; decided by scripts/run.mjs, which also installs what is missing. */
export type Source = { from: 'url'; url: string } | { from: 'container'; engine: string; image: string } | { from: 'binary'; path: string };
export interface Sources {
  rabbitmq: Source;
  redis: Source;
}

const script = path.join(import.meta.dirname, '..', '..', '..', '..', 'scripts', 'run.mjs');

/**
 * The decision that scripts/run.mjs left in MAILRAIL_BROKERS; a process that was not started by it asks it. AMQP_URL and REDIS_URL
 * win over it: it is inherited by whatever is started with servers of its own.
 *
 * @throws Error with the message for a person when there is no way to a broker.
 */
export function brokerSources(env: NodeJS.ProcessEnv = process.env): Sources {
  const decided = env['MAILRAIL_BROKERS'];
  if (decided !== undefined && decided !== '') {
    const { rabbitmq, redis } = parseSources(decided);
    return { rabbitmq: given(env['AMQP_URL']) ?? rabbitmq, redis: given(env['REDIS_URL']) ?? redis };
  }
  const asked = spawnSync(process.execPath, [script, 'brokers'], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 900_000,
  });
  if (asked.status !== 0) throw new Error(asked.stderr.trim() || `${script} brokers ended with ${asked.status ?? asked.signal}`);
  return parseSources(asked.stdout);
}

function given(url: string | undefined): Source | undefined {
  return url === undefined || url === '' ? undefined : { from: 'url', url };
}

function parseSources(text: string): Sources {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('rabbitmq' in value) || !('redis' in value))
    throw new Error(`no decision about brokers: ${text}`);
  return { rabbitmq: parseSource(value.rabbitmq), redis: parseSource(value.redis) };
}

function parseSource(value: unknown): Source {
  const fields = typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : new Map<string, unknown>();
  const text = (name: string): string => {
    const found = fields.get(name);
    if (typeof found !== 'string' || found === '') throw new Error(`a broker’s source lacks ${name}`);
    return found;
  };
  switch (text('from')) {
    case 'url':
      return { from: 'url', url: text('url') };
    case 'container':
      return { from: 'container', engine: text('engine'), image: text('image') };
    case 'binary':
      return { from: 'binary', path: text('path') };
    default:
      throw new Error(`a broker cannot come from ${text('from')}`);
  }
}
