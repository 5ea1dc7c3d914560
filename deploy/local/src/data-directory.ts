import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { codeOf, reasonOf } from './error-code.ts';

/** Everything a line keeps, in one folder. */
export interface DataDirectory {
  dir: string;
  content: string;
  mailboxes: string;
  in: string;
  sink: string;
  logs: string;
}

/** What is generated once and stays the same over starts, so that clients need no new settings. */
const Secrets = z.object({
  apiKey: z.string().min(20),
  submissionUser: z.string().min(1),
  submissionPassword: z.string().min(12),
  siteSecret: z.string().min(20),
});
export type Secrets = z.output<typeof Secrets>;

/** Makes the folder and its parts. @throws Error with a message for a person when that is not possible. */
export async function openDataDirectory(dir: string): Promise<DataDirectory> {
  const parts = { content: 'content', mailboxes: 'mailboxes', in: 'in', sink: 'sink', logs: 'logs' } as const;
  const paths = Object.fromEntries(Object.entries(parts).map(([name, folder]) => [name, path.join(dir, folder)]));
  try {
    for (const folder of Object.values(paths)) await mkdir(folder, { recursive: true, mode: 0o770 });
  } catch (error) {
    throw new Error(`${dir} cannot be used for data: ${reasonOf(error)}; choose another folder with --data`, { cause: error });
  }
  return {
    dir,
    content: path.join(dir, parts.content),
    mailboxes: path.join(dir, parts.mailboxes),
    in: path.join(dir, parts.in),
    sink: path.join(dir, parts.sink),
    logs: path.join(dir, parts.logs),
  };
}

/** The secrets of this folder; made at the first start. */
export async function secretsOf(dir: string): Promise<Secrets> {
  const file = path.join(dir, 'secrets.json');
  try {
    return Secrets.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw new Error(`${file} is damaged; remove it and new secrets are made`, { cause: error });
  }
  const secrets: Secrets = {
    apiKey: randomBytes(24).toString('base64url'),
    submissionUser: 'mailrail',
    submissionPassword: randomBytes(15).toString('base64url'),
    siteSecret: randomBytes(24).toString('base64url'),
  };
  await writeFile(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  return secrets;
}

/**
 * The file to use: the given one; else the one in the data folder, copied there from the default the first time so that it can be
 * changed.
 */
export async function ownOrDefault(given: string | undefined, own: string, original: string): Promise<string> {
  if (given !== undefined) {
    if (given.includes('://')) return given; // directory servers are asked by who needs them
    await access(given, constants.R_OK).catch((error: unknown) => {
      throw new Error(`${given}: ${reasonOf(error)}`);
    });
    return given;
  }
  await copyFile(original, own, constants.COPYFILE_EXCL).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  return own;
}
