import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePorts, waitFor } from '@mailrail/testing';

const run = promisify(execFile);

export interface Dovecot {
  readonly port: number; // LMTP
  readonly socket: string; // LMTP as well
  /** Messages in a mailbox, in the order of their arrival's names. */
  readonly in: (mailbox: string) => Promise<string[]>;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Installs what is missing. @throws Error with what apt said. */
async function installed(): Promise<void> {
  const isThere = await readdir('/usr/lib/dovecot').then(
    (names) => names.includes('lmtp'),
    () => false,
  );
  if (isThere) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '--no-install-recommends', 'dovecot-core', 'dovecot-lmtpd'], { env });
  await install().catch(async () => {
    await run('apt-get', ['update'], { env });
    await install();
  });
}

/**
 * A Dovecot of our own: own configuration, folders and port, LMTP alone. The system's is neither used nor changed.
 *
 * @param users each with the bytes its mailbox may hold; 0 for any number.
 */
export async function startDovecot(users: Readonly<Record<string, number>>): Promise<Dovecot> {
  await installed();
  const dir = await mkdtemp(path.join(tmpdir(), 'mailrail-dovecot-'));
  const [port = 0] = await freePorts([0]);
  const root = process.getuid?.() === 0;
  // Deliveries run as somebody without rights; where we are somebody ourselves, everything does.
  const { uid, gid, owner } = root
    ? { uid: 65_534, gid: 65_534, owner: 'root' }
    : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, owner: (await run('id', ['-un'])).stdout.trim() };
  await chmod(dir, 0o755);
  await mkdir(`${dir}/mail`);
  if (root) await chown(`${dir}/mail`, uid, gid);
  await writeFile(
    `${dir}/users`,
    Object.entries(users)
      .map(([name, bytes]) => `${name}::${uid}:${gid}::${dir}/mail/${name}::${bytes === 0 ? '' : `userdb_quota_rule=*:bytes=${bytes}`}\n`)
      .join(''),
    { mode: 0o644 },
  );
  const same = root ? '' : `default_internal_user = ${owner}\ndefault_login_user = ${owner}\ndefault_internal_group = ${gid}\n`;
  await writeFile(
    `${dir}/dovecot.conf`,
    `base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/log
protocols = lmtp
ssl = no
first_valid_uid = 1
first_valid_gid = 1
${same}mail_location = maildir:~/Maildir
auth_username_format = %Lu
userdb {
  driver = passwd-file
  args = ${dir}/users
}
passdb {
  driver = passwd-file
  args = ${dir}/users
}
protocol lmtp {
  mail_plugins = quota
}
plugin {
  quota = maildir:mailbox
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
  unix_listener lmtp {
    mode = 0666
  }
}
`,
  );

  let server: ReturnType<typeof spawn> | undefined;
  const self: Dovecot = {
    port,
    socket: `${dir}/run/lmtp`,
    async in(mailbox) {
      const folder = `${dir}/mail/${mailbox}/Maildir/new`;
      const names = await readdir(folder).then(
        (found) => found.sort(),
        () => [],
      );
      return Promise.all(names.map((name) => readFile(`${folder}/${name}`, 'utf8')));
    },
    async start() {
      const child = spawn('/usr/sbin/dovecot', ['-F', '-c', `${dir}/dovecot.conf`], { stdio: ['ignore', 'ignore', 'inherit'] });
      server = child;
      await waitFor(
        async () => {
          if (child.exitCode !== null) throw new Error(`it ended: ${await readFile(`${dir}/log`, 'utf8').catch(() => '')}`);
          const socket = connect(port, '127.0.0.1');
          const [greeting]: unknown[] = await once(socket, 'data');
          socket.destroy();
          return String(greeting).startsWith('220');
        },
        { what: 'Dovecot answers', timeoutMs: 30_000 },
      );
    },
    async stop() {
      const child = server;
      server = undefined;
      if (child === undefined || child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
    async close() {
      await self.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  try {
    await self.start();
  } catch (error) {
    await self.close();
    throw error;
  }
  return self;
}
