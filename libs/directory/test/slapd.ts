import { execFile, execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePorts, waitFor } from '@mailrail/testing';
import { type Guarded, guarded } from './guarded.ts';
import { fixture } from './fixture.ts';
import { ensureInstalled } from './install.ts';

const run = promisify(execFile);

export interface SlapdOptions {
  ldif: string; // path of what it holds
  base?: string;
  /** Schemas besides core, cosine and inetorgperson: paths, or names of Debian's. Default the Exchange attributes. */
  schemas?: readonly string[];
  modules?: readonly string[];
  /** Lines for its configuration, before and behind those of the database. */
  global?: string;
  /** Who may see what. Default: everybody who is bound, everything. */
  access?: string;
  database?: string;
  certificate?: 'server' | 'expired' | 'other';
}

/** A slapd of the test's own on loopback. Bind with `admin` and `secret`. */
export interface Slapd {
  readonly admin: string; // DN
  readonly url: string; // ldap, in the clear
  readonly secureUrl: string; // ldaps
  readonly port: number;
  readonly ca: string; // path
  readonly process: Guarded;
  /** `ldapmodify` with these change records. */
  modify(ldif: string): Promise<void>;
  /** After it was killed: the same data, the same ports. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a throw-away slapd; Debian's packages are installed when they are not there. */
export async function startSlapd(options: SlapdOptions): Promise<Slapd> {
  await ensureInstalled(['/usr/sbin/slapd', '/usr/bin/ldapmodify'], ['slapd', 'ldap-utils']);
  const { base = 'DC=corp,DC=example', modules = ['memberof'], certificate = 'server' } = options;
  const { schemas = [fixture('exchange-ad.schema')], global = '', database = '' } = options;
  const { access = 'access to * by users read by anonymous auth' } = options;
  const dir = await mkdtemp(path.join(tmpdir(), 'mailrail-slapd-'));
  await mkdir(path.join(dir, 'db'));
  for (const end of ['crt', 'key']) await copyFile(fixture(`tls/${certificate}.${end}`), path.join(dir, `tls.${end}`));
  await chmod(path.join(dir, 'tls.key'), 0o600);
  const admin = `cn=admin,${base}`;
  const conf = path.join(dir, 'slapd.conf');
  const schema = (name: string) => (path.isAbsolute(name) ? name : `/etc/ldap/schema/${name}.schema`);
  await writeFile(
    conf,
    `${['core', 'cosine', 'inetorgperson'].map((name) => `include ${schema(name)}\n`).join('')}modulepath /usr/lib/ldap
${['back_mdb', 'syncprov', ...modules].map((name) => `moduleload ${name}\n`).join('')}${schemas.map((name) => `include ${schema(name)}\n`).join('')}pidfile ${dir}/pid
argsfile ${dir}/args
TLSCertificateFile ${dir}/tls.crt
TLSCertificateKeyFile ${dir}/tls.key
TLSCACertificateFile ${fixture('tls/ca.crt')}
TLSVerifyClient try
threads 4
sizelimit unlimited
${global}
database mdb
suffix "${base}"
rootdn "${admin}"
rootpw secret
directory ${dir}/db
maxsize 1073741824
dbnosync
index objectClass,entryCSN,entryUUID eq
${options.schemas === undefined ? 'index proxyAddresses,legacyExchangeDN,mail,member,memberOf eq\nindex mailNickname,department,l eq,pres\n' : 'index mail,uid,member eq\n'}
limits dn.exact="${admin}" size=unlimited time=unlimited
${access}
${database}
${modules.includes('memberof') ? 'overlay memberof\nmemberof-group-oc group\nmemberof-member-ad member\nmemberof-memberof-ad memberOf\nmemberof-refint FALSE\n' : ''}overlay syncprov
syncprov-checkpoint 1000 5
`,
  );
  // Where AppArmor keeps Debian's program out of here, a copy of it is not kept out: profiles go by path.
  const program = path.join(dir, 'slapd');
  await copyFile('/usr/sbin/slapd', program);
  await run(program, ['-T', 'add', '-q', '-f', conf, '-l', options.ldif]);
  const [port, securePort] = await freePorts([0, 0]);
  let server: Guarded;
  const start = async () => {
    const urls = `ldap://127.0.0.1:${port}/ ldaps://127.0.0.1:${securePort}/`;
    server = await guarded(program, ['-d', '0', '-f', conf, '-h', urls]);
    await waitFor(() => accepts(port ?? 0), { what: `slapd to answer: ${server.output()}` });
  };
  await start();
  return {
    admin,
    url: `ldap://127.0.0.1:${port}`,
    secureUrl: `ldaps://127.0.0.1:${securePort}`,
    port: port ?? 0,
    ca: fixture('tls/ca.crt'),
    get process() {
      return server;
    },
    async modify(ldif) {
      execFileSync('ldapmodify', ['-x', '-H', `ldap://127.0.0.1:${port}`, '-D', admin, '-w', 'secret'], {
        input: ldif,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    },
    start,
    async stop() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
