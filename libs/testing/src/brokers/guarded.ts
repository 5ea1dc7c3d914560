import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { gone, signal, within } from './processes.ts';

export interface BrokerUrls {
  amqpUrl: string;
  managementUrl: string; // with user and password; '' when a broker was given by AMQP_URL and nobody said where its management API is
  redisUrl: string;
  from: { rabbitmq: 'url' | 'container' | 'binary'; redis: 'url' | 'container' | 'binary' };
  /** Processes of servers that were started; the server itself first. Empty for servers that were given. */
  pids: { rabbitmq: number[]; redis: number[] };
}

export interface GuardOptions {
  /** Data in `DIR/broker` and `DIR/redis`, kept. Without it everything is temporary. */
  dir?: string | undefined;
  /** Wanted ports; taken ones are replaced. */
  ports?: { amqp?: number; management?: number; redis?: number } | undefined;
  /** Where the management API of a broker given by AMQP_URL is. */
  managementUrl?: string | undefined;
}

export type GuardReport =
  | ({ event: 'ready' } & BrokerUrls)
  | { event: 'failed'; reason: string }
  | { event: 'died'; name: 'rabbitmq' | 'redis' }
  | { event: 'restarted'; name: 'rabbitmq' | 'redis'; pids: number[] }
  | { event: 'trouble'; name: 'rabbitmq' | 'redis'; reason: string };

export interface GuardedBrokers extends BrokerUrls {
  /** Stops what was started and waits for it. */
  close: () => Promise<void>;
}

/**
 * Brokers in the care of a guard process: they end when `close` is called and also when this process dies in whatever way.
 *
 * @param options `onReport` hears of deaths and restarts.
 * @throws Error with a message for a person when they cannot be had.
 */
export async function guardedBrokers(
  options: GuardOptions & { env?: NodeJS.ProcessEnv; onReport?: (report: GuardReport) => void } = {},
): Promise<GuardedBrokers> {
  const { env = process.env, onReport = () => {}, ...forGuard } = options;
  const guard = spawn(process.execPath, [path.join(import.meta.dirname, 'guard.ts'), JSON.stringify(forGuard)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // a terminal's Ctrl-C is for us, and we tell it
  });
  guard.stdin.on('error', () => {}); // it ended before we did; seen as its exit
  const known: BrokerUrls['pids'] = { rabbitmq: [], redis: [] };
  const first = Promise.withResolvers<BrokerUrls>();
  first.promise.catch(() => {}); // awaited below; a guard that dies in between is no unhandled rejection
  createInterface({ input: guard.stdout }).on('line', (line) => {
    const report: GuardReport = JSON.parse(line);
    if (report.event === 'ready') {
      const { event: _, ...urls } = report;
      Object.assign(known, urls.pids);
      first.resolve(urls);
    } else if (report.event === 'failed') first.reject(new Error(report.reason));
    else {
      if (report.event === 'restarted') known[report.name] = report.pids;
      onReport(report);
    }
  });
  let closing = false;
  guard.once('error', (error) => first.reject(error));
  guard.once('exit', (code, name) => {
    first.reject(new Error(`the guard of the brokers ended with ${code ?? name}`));
    // Killed itself: what it owned would stay for ever.
    if (!closing) for (const pid of [...known.rabbitmq, ...known.redis]) signal(pid, 'SIGTERM');
  });
  const close = async (): Promise<void> => {
    closing = true;
    guard.stdin.end();
    if (!(await within(gone(guard), 30_000))) {
      for (const pid of [...known.rabbitmq, ...known.redis]) signal(pid, 'SIGKILL');
      guard.kill('SIGKILL');
    }
  };
  try {
    return { ...(await first.promise), pids: known, close };
  } catch (error) {
    await close();
    throw error;
  }
}
