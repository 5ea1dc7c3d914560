import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { codeOf } from './error-code.ts';

/** `DIR/endpoints.json`: how to reach a line that runs. Other programs rely on it. */
export const Endpoints = z.object({
  ready: z.boolean(),
  site: z.string(),
  smtp: z.string(),
  lmtp: z.string().optional(), // while there is an LMTP listener
  http: z.string(),
  submission: z.object({ url: z.string(), user: z.string(), password: z.string() }),
  submissions: z.string().optional(), // the same inside TLS from the first byte
  certificate: z.string().optional(), // what the listeners show (PEM), for clients that want to trust it
  apiKey: z.string(),
  in: z.string(), // folder of the folder gateways
  maildir: z.string(), // `%a` is the mailbox's primary address in lower case
  sink: z.string(),
  siteListener: z.string(), // for the connectors of peer sites
  amqp: z.string(),
  management: z.string().optional(), // of a private broker, or when MGMT_URL said it
  redis: z.string(),
  /** Stage, or `stage-2` for its second process -> pid. With one process for all: `line`. */
  pids: z.record(z.string(), z.int()),
  infrastructure: z.record(z.string(), z.int()),
  /** Stage -> its health and metrics. */
  admin: z.record(z.string(), z.string()),
});
export type Endpoints = z.output<typeof Endpoints>;

const fileName = 'endpoints.json';

/** Writes the file whole or not at all; it holds secrets, so only its owner reads it. */
export async function writeEndpoints(dir: string, endpoints: Endpoints): Promise<void> {
  const file = path.join(dir, fileName);
  const next = `${file}.${process.pid}.tmp`;
  await writeFile(next, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  await rename(next, file);
}

export async function removeEndpoints(dir: string): Promise<void> {
  await rm(path.join(dir, fileName), { force: true });
}

/** @returns the endpoints of a line on that data directory, `undefined` when none runs there. @throws ZodError for another kind of file. */
export async function readEndpoints(dir: string): Promise<Endpoints | undefined> {
  try {
    return Endpoints.parse(JSON.parse(await readFile(path.join(dir, fileName), 'utf8')));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
