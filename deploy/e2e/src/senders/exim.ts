import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { debianTree } from '@mailrail/testing';
import { command, dialogue, type Neighbour, toolsFolder } from './sender.ts';

/** Exim refuses to run as root or for an unknown user; this one has nothing. */
const nobody = 65_534;

/** Debian's Exim, unpacked and not installed, that sends everything to one port of this machine at once. */
export async function eximTo(port: number): Promise<Neighbour> {
  const program = 'usr/sbin/exim4';
  const { root, libraries } = await debianTree(toolsFolder('exim'), { packages: ['exim4-daemon-light'], programs: [program] });
  const exim = path.join(root, program);
  await chmod(exim, 0o755); // it is started by who it is to run as, and by nobody else
  const dir = await mkdtemp(path.join(tmpdir(), 'mailrail-exim-'));
  await chmod(dir, 0o755);
  await mkdir(path.join(dir, 'spool'));
  await chown(path.join(dir, 'spool'), nobody, nobody);
  const file = path.join(dir, 'exim.conf');
  await writeFile(
    file,
    `exim_path = ${exim}
exim_user = ${nobody}
exim_group = ${nobody}
spool_directory = ${dir}/spool
log_file_path = ${dir}/spool/%slog
primary_hostname = exim.neighbour.example
host_lookup =
disable_ipv6
never_users =
keep_environment = LD_LIBRARY_PATH
accept_8bitmime
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
acl_smtp_rcpt = accept
begin acl
accept:
  accept
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  transport = out
  self = send
begin transports
out:
  driver = smtp
  port = ${port}
begin retry
* * F,2h,1s
`,
  );
  let spoken = ''; // what it says to the other side, too
  return {
    /** By SMTP on its standard input, and on the way before it ends. */
    async submit(mail) {
      const said = await command(exim, ['-C', file, '-v', '-odi', '-bs'], { input: `${dialogue(mail).join('\r\n')}\r\n`, libraries });
      spoken += said;
      if (!/^250 OK id=/m.test(said)) throw new Error(`exim: ${said}`);
    },
    log: () => Promise.resolve(spoken),
    close: () => rm(dir, { recursive: true, force: true }),
  };
}
