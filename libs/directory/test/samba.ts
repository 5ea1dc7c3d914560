import { execFile, execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from '@mailrail/testing';
import { type Guarded, guarded } from './guarded.ts';
import { fixture } from './fixture.ts';
import { ensureInstalled } from './install.ts';
import { accepts } from './slapd.ts';

const run = promisify(execFile);
const administrator = 'Administrator@CORP.EXAMPLE';
const password = 'Passw0rd!x';
const reader = { name: 'mailrail@CORP.EXAMPLE', password: 'Passw0rd!y' };

/** A Samba Active Directory of the test's own, with the Exchange attributes in its schema. */
export interface Samba {
  readonly host: string; // its loopback address
  readonly administrator: string; // UPN to bind with
  readonly password: string;
  /** An ordinary user without any group. */
  readonly reader: { name: string; password: string };
  readonly ca: string; // path of its certificate
  readonly process: Guarded;
  /** `ldapmodify` with these change records. */
  modify(ldif: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a throw-away Active Directory; Debian's packages are installed when they are not there. Samba's ports cannot be chosen,
 * so it has a loopback address of its own, and needs root for them.
 *
 * @param ldif path of change records it is filled with.
 */
export async function startSamba(ldif: string): Promise<Samba> {
  if (process.getuid?.() !== 0) throw new Error('Samba needs root for its ports: run these tests as root');
  await ensureInstalled(
    ['/usr/sbin/samba', '/usr/bin/samba-tool', '/usr/share/samba/setup/provision.ldif', '/usr/bin/ldapmodify'],
    ['samba-ad-dc', 'samba-ad-provision', 'samba-dsdb-modules', 'samba-vfs-modules', 'winbind', 'ldb-tools', 'ldap-utils'],
  );
  const host = await freeLoopback();
  const dir = await mkdtemp(path.join(tmpdir(), 'mailrail-samba-'));
  await run('samba-tool', [
    'domain',
    'provision',
    '--realm=CORP.EXAMPLE',
    '--domain=CORP',
    '--server-role=dc',
    '--dns-backend=NONE',
    '--host-name=dc1',
    `--host-ip=${host}`,
    `--adminpass=${password}`,
    `--targetdir=${dir}`,
    `--option=interfaces=${host}/8`,
    '--option=bind interfaces only=yes',
  ]);
  for (const name of ['run', 'cache']) await mkdir(path.join(dir, name), { recursive: true });
  // Its certificate is signed by nobody but itself: that is what `LDAP_CA_FILE` is for.
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '3650',
    '-subj',
    '/CN=dc1.corp.example',
    '-addext',
    `subjectAltName=DNS:dc1.corp.example,IP:${host}`,
    '-keyout',
    `${dir}/tls.key`,
    '-out',
    `${dir}/tls.crt`,
  ]);
  await chmod(`${dir}/tls.key`, 0o600);
  const conf = `${dir}/etc/smb.conf`;
  await writeFile(
    conf,
    `[global]
netbios name = DC1
workgroup = CORP
realm = CORP.EXAMPLE
server role = active directory domain controller
server services = ldap, kdc
interfaces = ${host}/8
bind interfaces only = yes
private dir = ${dir}/private
state directory = ${dir}/state
cache directory = ${dir}/cache
lock directory = ${dir}
pid directory = ${dir}/run
ncalrpc dir = ${dir}/run/ncalrpc
winbindd socket directory = ${dir}/run/winbindd
ntp signd socket directory = ${dir}/run/ntp
binddns dir = ${dir}/bind-dns
log file = ${dir}/log.%m
tls keyfile = ${dir}/tls.key
tls certfile = ${dir}/tls.crt
tls cafile =
ldap server require strong auth = no
dsdb:schema update allowed = yes
`,
  );
  const server = await guarded('samba', ['-F', '--no-process-group', '-s', conf]);
  const modify = async (text: string) => {
    execFileSync('ldapmodify', ['-x', '-H', `ldap://${host}`, '-D', administrator, '-w', password], {
      input: text,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  };
  const stop = async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 }); // its processes end one by one
  };
  try {
    await waitFor(() => accepts(389, host), { timeoutMs: 60_000, what: `Samba to listen: ${server.output()}` });
    await waitFor(() => run('ldapsearch', ['-x', '-H', `ldap://${host}`, '-b', '', '-s', 'base', '1.1']).then(() => true), {
      timeoutMs: 60_000,
      what: 'Samba to answer',
    });
    for (const step of ['1-attributes', '2-classes']) {
      const schema = await readFile(fixture(`exchange-ad-samba-${step}.ldif`), 'utf8');
      await modify(schema.replaceAll(/DC=X$/gm, 'DC=corp,DC=example'));
    }
    await modify(await readFile(ldif, 'utf8'));
    await run('samba-tool', ['user', 'create', 'mailrail', reader.password, '-s', conf]);
    await copyFile(`${dir}/tls.crt`, `${dir}/ca.crt`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, administrator, password, reader, ca: `${dir}/ca.crt`, process: server, modify, stop };
}

/** A loopback address on which nobody has an LDAP port. Two that start at the same time see none of each other, and begin apart. */
async function freeLoopback(): Promise<string> {
  const taken = new Set(Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address)));
  for (let tried = 0; tried < 230; tried += 1) {
    const host = `127.0.0.${20 + ((process.pid + tried) % 230)}`;
    const ports = await Promise.all([389, 636, 3268, 3269, 88].map((port) => accepts(port, host)));
    if (!taken.has(host) && ports.every((is) => !is)) return host;
  }
  throw new Error('no loopback address without an LDAP port');
}
