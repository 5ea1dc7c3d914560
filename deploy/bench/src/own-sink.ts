import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { freePorts } from '@mailrail/testing';
import { startChild } from './child.ts';
import { answersSmtp } from './smtp-answer.ts';
import { BenchError, type Sink, type ToStop } from './system.ts';

const main = path.join(import.meta.dirname, '..', '..', 'local', 'src', 'sink', 'main.ts');

/** The line's own kind of sink, for runs without a line. */
export async function startSink(dir: string, toStop: ToStop): Promise<Sink> {
  if (!existsSync(dir)) mkdirSync(dir, { recursive: true });
  const [port = 0] = await freePorts([0]);
  const child = startChild(process.execPath, [main], { env: { ...process.env, SINK_DIR: dir, SINK_PORT: String(port), ADMIN_PORT: '0' } });
  toStop(() => child.end('SIGTERM', 5_000));
  if (!(await answersSmtp({ host: '127.0.0.1', port }, { withinMs: 15_000, unless: child.hasEnded }))) {
    throw new BenchError(`the sink does not answer:\n${child.output()}`);
  }
  return { port, list: path.join(dir, 'received.jsonl'), roots: () => ({ sink: child.pid }) };
}
