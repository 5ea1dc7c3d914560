import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { output, startChild } from '../child.ts';
import { answersSmtp } from '../smtp-answer.ts';
import { BenchError, type System, type ToStop } from '../system.ts';
import { mailboxOwner, mainCf, masterCf, type PostfixPlace, tables } from './configuration.ts';

/** Folders of the queue that belong to Postfix's user. */
const queues = ['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'private', 'saved', 'trace'];

/**
 * Runs a private Postfix in the foreground: own queue, port and mailboxes.
 *
 * @param toStop is told how to stop it as soon as there is something to stop.
 * @throws BenchError when this user may not, or when it does not answer.
 */
export async function startPostfix(place: PostfixPlace, say: (text: string) => void, toStop: ToStop): Promise<System> {
  if (process.getuid?.() !== 0) throw new BenchError('--vs postfix: Postfix changes user for its parts and can be started by root only');
  const { dir, tree, port, tls } = place;
  const accounts = await ensureAccounts(say);
  const folder = async (name: string, mode: number, user = 0, group = 0): Promise<void> => {
    await mkdir(path.join(dir, name), { recursive: true, mode });
    await chown(path.join(dir, name), user, group);
  };
  await folder('.', 0o755);
  for (const name of ['etc', 'spool', 'spool/pid']) await folder(name, 0o755);
  for (const name of [...queues.map((queue) => `spool/${queue}`), 'data']) await folder(name, 0o700, accounts.user);
  await folder('spool/public', 0o710, accounts.user, accounts.dropGroup);
  await folder('spool/maildrop', 0o730, accounts.user, accounts.dropGroup);
  await folder('mail', 0o700, mailboxOwner, mailboxOwner);

  const { mailboxes, aliases } = tables(place.people);
  const etc = path.join(dir, 'etc');
  await writeFile(path.join(etc, 'main.cf'), mainCf(place));
  await writeFile(
    path.join(etc, 'master.cf'),
    masterCf(await readFile(path.join(tree.root, 'usr/share/postfix/master.cf.dist'), 'utf8'), port, tls?.port),
  );
  await writeFile(path.join(etc, 'mailboxes'), mailboxes);
  await writeFile(path.join(etc, 'aliases'), aliases);
  const env = { ...process.env, LD_LIBRARY_PATH: tree.libraries };
  for (const table of ['mailboxes', 'aliases'])
    await output(path.join(tree.commands, 'postmap'), ['-c', etc, `hash:${etc}/${table}`], { env });

  // Without `postfix start`: its script checks and mends an installed tree, and this one is not installed.
  const master = startChild(path.join(tree.daemons, 'master'), ['-d', '-c', etc], { env, group: true });
  const smtp = { host: '127.0.0.1', port };
  toStop(() => master.end('SIGTERM', 5_000));
  if (!(await answersSmtp(smtp, { withinMs: 20_000, unless: master.hasEnded }))) {
    const log = await readFile(path.join(dir, 'maillog'), 'utf8').catch(() => '');
    throw new BenchError(`the private Postfix does not answer:\n${`${master.output()}\n${log}`.trim().slice(-3_000)}`);
  }
  return {
    name: 'postfix',
    smtp,
    smtpTls: { ...smtp, port: tls?.port ?? port },
    newFolder: (address) => path.join(dir, 'mail', address.toLowerCase(), 'new'),
    roots: () => ({ postfix: master.pid }),
  };
}

/** The accounts that Postfix insists on; made when they are missing, as its package would. */
async function ensureAccounts(say: (text: string) => void): Promise<{ user: number; dropGroup: number }> {
  const idOf = async (kind: 'passwd' | 'group', name: string): Promise<number | undefined> => {
    const line = await output('getent', [kind, name]).catch(() => '');
    return line === '' ? undefined : Number(line.split(':')[2]);
  };
  if ((await idOf('group', 'postdrop')) === undefined) {
    say('making the system group postdrop, which Postfix needs');
    await output('groupadd', ['--system', 'postdrop']);
  }
  if ((await idOf('passwd', 'postfix')) === undefined) {
    say('making the system user postfix, which Postfix needs');
    const group = (await idOf('group', 'postfix')) === undefined ? ['--user-group'] : ['--gid', 'postfix'];
    await output('useradd', [
      '--system',
      ...group,
      '--no-create-home',
      '--home-dir',
      '/var/spool/postfix',
      '--shell',
      '/usr/sbin/nologin',
      'postfix',
    ]);
  }
  const [user, dropGroup] = [await idOf('passwd', 'postfix'), await idOf('group', 'postdrop')];
  if (user === undefined || dropGroup === undefined) throw new BenchError('the accounts postfix and postdrop cannot be made');
  return { user, dropGroup };
}
