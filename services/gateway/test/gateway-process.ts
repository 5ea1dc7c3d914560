import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@mailrail/testing';

export interface GatewayProcess {
  pid: number;
  ports: Record<'smtp' | 'lmtp' | 'adminPort', number>;
  /** A line of `/metrics`. @returns 0 for one that is not there. */
  metric(line: string): Promise<number>;
  stop(): Promise<void>;
}

/** A gateway as a process of its own, listening and ready. @param env beside PATH. */
export async function gatewayProcess(env: NodeJS.ProcessEnv, nodeOptions: readonly string[] = []): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [...nodeOptions, join(import.meta.dirname, '..', 'src', 'main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ...env },
  });
  const ports = await listening(child);
  await waitFor(async () => (await fetch(`http://127.0.0.1:${ports.adminPort}/health/ready`)).ok, {
    what: 'a gateway that is ready',
    timeoutMs: 20_000,
  });
  return {
    pid: child.pid ?? 0,
    ports,
    async metric(line) {
      const text = await (await fetch(`http://127.0.0.1:${ports.adminPort}/metrics`)).text();
      return Number(
        text
          .split('\n')
          .find((one) => one.startsWith(`${line} `))
          ?.slice(line.length) ?? 0,
      );
    },
    async stop() {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function listening(child: ChildProcess): Promise<GatewayProcess['ports']> {
  if (child.stdout === null) throw new Error('the gateway has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, smtp = 0, lmtp = 0, adminPort } = JSON.parse(line);
    if (event !== 'gateway.listening') continue;
    child.stdout.resume();
    return { smtp, lmtp, adminPort };
  }
  throw new Error(`the gateway ended with ${child.exitCode} before it listened`);
}
