import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Directory, isLdapUrl, openDirectory } from '@mailrail/directory';
import { type OrganizationSnapshot, organizationErrorsText, parseOrganization } from '@mailrail/organization';
import { reasonOf } from '../error-code.ts';
import type { Context } from './command.ts';

const defaults = path.join(import.meta.dirname, '..', '..', '..', '..', 'libs', 'organization', 'default');

/**
 * The organization a command is about: the file that is given, else that of the data folder, else the built-in one.
 *
 * @throws Error with every mistake in it.
 */
export async function openOrganization(given: string | undefined, data: string, { cwd, env }: Context): Promise<OrganizationSnapshot> {
  const candidates =
    given === undefined ? [path.join(data, 'organization.yaml'), path.join(defaults, 'organization.yaml')] : [path.resolve(cwd, given)];
  const [file, text] = await firstReadable(candidates);
  const parsed = parseOrganization(text, { env });
  if (!parsed.ok) throw new Error(`organization file ${file} has mistakes:\n${organizationErrorsText(parsed.errors)}`);
  return parsed.snapshot;
}

/** The directory likewise: an LDIF file, or servers. Whoever asked closes it. @throws Error for a file that cannot be read. */
export async function directoryFor(given: string | undefined, data: string, { cwd, env }: Context): Promise<Directory> {
  if (given !== undefined && isLdapUrl(given)) return openDirectory(given, { env, timeoutMs: 10_000 });
  const candidates =
    given === undefined ? [path.join(data, 'directory.ldif'), path.join(defaults, 'directory.ldif')] : [path.resolve(cwd, given)];
  const [file] = await firstReadable(candidates);
  return openDirectory(file);
}

async function firstReadable(files: readonly string[]): Promise<[string, string]> {
  let last: unknown;
  for (const file of files) {
    try {
      return [file, await readFile(file, 'utf8')];
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`${files[0]} cannot be read: ${reasonOf(last)}`, { cause: last });
}
