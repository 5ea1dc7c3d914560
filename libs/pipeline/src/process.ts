import { ConfigError } from './config.ts';
import type { Running } from './run-service.ts';

/**
 * Runs a service as a process of its own when `meta` is the module Node was started with; does nothing when it was imported.
 * SIGTERM and SIGINT stop it gracefully, a second one at once. With MAILRAIL_PARENT_PIPE set it also stops when its standard
 * input ends, so that a launcher that dies leaves nothing behind.
 *
 * Exit codes: 0 stopped, 78 the configuration is wrong (EX_CONFIG), 70 a programming error (EX_SOFTWARE).
 */
export async function runAsProcess(
  meta: ImportMeta,
  start: (env: NodeJS.ProcessEnv, role: string | undefined) => Promise<Pick<Running, 'stop'> & { adminPort?: number }>,
): Promise<void> {
  if (!meta.main) return;
  const fatal = (error: unknown, code: number) => {
    const text = error instanceof Error ? (error instanceof ConfigError ? error.message : (error.stack ?? error.message)) : String(error);
    process.stderr.write(`${text}\n`);
    process.exit(code);
  };
  process.on('uncaughtException', (error) => fatal(error, 70));
  process.on('unhandledRejection', (error) => fatal(error, 70));

  let running: Pick<Running, 'stop'> & { adminPort?: number };
  try {
    running = await start(process.env, process.argv[2] ?? process.env['MAILRAIL_ROLE']);
  } catch (error) {
    return fatal(error, 78);
  }
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => fatal(error, 70),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (process.env['MAILRAIL_PARENT_PIPE'] === undefined) return;
  process.stdin.resume();
  process.stdin.once('end', () => {
    if (!stopping) stop();
  });
  process.stdout.on('error', () => {}); // a launcher that died closes our log, too
}
