import { createServer } from 'node:http';
import { stageEnvironment } from './line-environment.ts';

// Every stage in this process. argv[2]: JSON array of `{ name, main, role? }`, gateways last. ADMIN_PORT: readiness and metrics
// of all together; each stage has an admin port of its own beside it.
interface Running {
  adminPort: number;
  stop(): Promise<void>;
}
interface Wanted {
  name: string;
  main: string;
  role?: string;
  recipientCheck?: boolean;
}

const wanted: Wanted[] = JSON.parse(process.argv[2] ?? '[]');
const running: (Running & { name: string })[] = [];
const { ADMIN_PORT: adminPort = '0', ...env } = process.env;

async function fail(error: unknown): Promise<never> {
  const isConfiguration = error instanceof Error && error.name === 'ConfigError';
  process.stderr.write(`${error instanceof Error ? (isConfiguration ? error.message : error.stack) : String(error)}\n`);
  process.exit(isConfiguration ? 78 : 70);
}
process.on('uncaughtException', (error) => void fail(error));
process.on('unhandledRejection', (error) => void fail(error));
process.stdout.on('error', () => {}); // whoever reads the log is gone

const ask = (one: Running, path: string) => fetch(`http://127.0.0.1:${one.adminPort}${path}`, { signal: AbortSignal.timeout(2_000) });
const admin = createServer((request, response) => {
  const answer = async (): Promise<{ status: number; text: string }> => {
    if (request.url === '/metrics') {
      return { status: 200, text: (await Promise.all(running.map(async (one) => (await ask(one, '/metrics')).text()))).join('\n') };
    }
    if (request.url !== '/health/ready' && request.url !== '/health/live') return { status: 404, text: '' };
    const answers = await Promise.all(running.map(async (one) => ({ name: one.name, answer: await ask(one, request.url ?? '') })));
    const not = answers.filter(({ answer: { ok } }) => !ok).map(({ name }) => name);
    const starting = running.length < wanted.length;
    return { status: not.length > 0 || starting ? 503 : 200, text: JSON.stringify({ ready: not.length === 0 && !starting, not }) };
  };
  answer().then(
    ({ status, text }) => response.writeHead(status).end(text),
    () => response.writeHead(503).end(),
  );
});
admin.listen(Number(adminPort), '127.0.0.1');

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  const gateways = running.filter(({ name }) => name === 'gateway');
  await Promise.allSettled(gateways.map((one) => one.stop()));
  await Promise.allSettled(running.filter((one) => !gateways.includes(one)).map((one) => one.stop()));
  process.exit(0);
}
process.once('SIGTERM', () => void stop());
process.stdin.resume().once('end', () => void stop());

try {
  for (const { name, main, role, recipientCheck = false } of wanted) {
    const { start }: { start: (env: NodeJS.ProcessEnv, role: string | undefined) => Promise<Running> } = await import(main);
    if (stopping) break;
    const one = await start({ ...stageEnvironment(name.replace(/-\d+$/, ''), env, { recipientCheck }), ADMIN_PORT: '0' }, role);
    running.push(Object.assign(one, { name }));
  }
} catch (error) {
  await fail(error);
}
