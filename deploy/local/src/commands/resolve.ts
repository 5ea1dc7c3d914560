import path from 'node:path';
import { DirectoryUnavailable, type Explanation, explainResolution } from '@mailrail/directory';
import { UsageError } from '../options.ts';
import type { Command } from './command.ts';
import { directoryFor, openOrganization } from './organization-and-directory.ts';
import { wordsOf } from './words.ts';

export const resolve: Command = {
  usage: 'resolve [--organization FILE] [--directory FILE.ldif|URL] --from ADDRESS ADDRESS...',
  says: 'who would get a mail, and why; nothing is sent',
  help: `Asks the categorizer what it would do with a mail, without sending anything.

  --organization FILE    organization.yaml (default: that of the data folder, else the built-in one)
  --directory FILE|URL   an LDIF file (default: likewise), or ldap[s]://host/baseDN with LDAP_BIND_DN, LDAP_PASSWORD (docs/directory.md)
  --data DIR             data folder (default .mailrail)
  --from ADDRESS         sender of the envelope; empty or <> for a report
  --authenticated        the sender has logged in
  --size-kb N            size of the message (default 4)
  --json                 one line of JSON: local, hops, servers, reports, steps

  npm run mailrail -- resolve --from you@elsewhere.example team@corp.example`,
  run: async (argv, context) => {
    const { values, switches, rest } = wordsOf(argv, {
      values: ['organization', 'directory', 'data', 'from', 'size-kb'],
      switches: ['authenticated', 'json'],
    });
    const from = values.get('from');
    if (from === undefined) throw new UsageError('resolve: --from ADDRESS is needed');
    if (rest.length === 0) throw new UsageError('resolve: name at least one ADDRESS');
    const sizeKb = Number(values.get('size-kb') ?? 4);
    if (!Number.isFinite(sizeKb) || sizeKb < 0) throw new UsageError(`resolve: --size-kb ${values.get('size-kb')} is no size`);

    const data = path.resolve(context.cwd, values.get('data') ?? context.env['MAILRAIL_DATA'] ?? '.mailrail');
    const organization = await openOrganization(values.get('organization') ?? context.env['MAILRAIL_ORGANIZATION'], data, context);
    const directory = await directoryFor(values.get('directory') ?? context.env['MAILRAIL_DIRECTORY'], data, context);
    try {
      const explained = await explainResolution({
        organization,
        directory,
        from,
        authenticated: switches.has('authenticated'),
        sizeKb,
        addresses: rest,
      });
      context.print(switches.has('json') ? JSON.stringify(explained) : explanationText(explained));
      return 0;
    } catch (error) {
      if (!(error instanceof DirectoryUnavailable)) throw error;
      context.print(`nothing can be said: ${error.message}`);
      return 1;
    } finally {
      await directory.close();
    }
  },
};

/** The explanation for a person: where it would end, then step by step why. */
export function explanationText({ local, hops, servers, reports, steps }: Explanation): string {
  const block = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]);
  const lines = [
    ...block(
      'mailboxes here:',
      local.map((address) => (servers[address] === undefined ? address : `${address} (${servers[address]})`)),
    ),
    ...block(
      'goes on to:',
      hops.map((hop) => {
        const server = servers[hop.replace(/^SMTP:/i, '').toLowerCase()];
        return server === undefined ? hop : `${hop} (${server})`;
      }),
    ),
    ...block(
      reports.every(({ to }) => to === null) ? 'fails, and no report is made:' : 'reports:',
      reports.map(({ recipient, status, to }) => `${recipient} ${status}, ${to === null ? 'no report is made' : `told to ${to}`}`),
    ),
    ...block('because:', steps),
  ];
  return lines.length === 0 ? 'nobody would get it' : lines.join('\n');
}
