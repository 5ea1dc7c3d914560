import { readFile } from 'node:fs/promises';
import { type Log, silentLog } from '@mailrail/telemetry';
import { type LdifDirectoryOptions, ldifDirectory } from '../ldif-directory.ts';
import type { Directory } from '../port.ts';
import { DirectoryConfigError } from './config-error.ts';
import { type Credentials, openConnection } from './connection.ts';
import { failureOf } from './failure.ts';
import { type LdapDirectoryOptions, ldapDirectory } from './ldap-directory.ts';
import { activeDirectoryProfile, type LdapProfile, ldapProfiles, openLdapProfile, profileFromJson } from './ldap-profile.ts';
import { isLdapUrl, type LdapServer, parseServerUrls } from './server-url.ts';
import type { TlsFiles } from './wire.ts';

export interface OpenDirectoryOptions {
  /** Where `LDAP_*` is found (docs/directory.md). */
  env?: Readonly<Record<string, string | undefined>>;
  log?: Log;
  /** How often a file is looked at, or servers are asked what changed. */
  pollMs?: number;
  /** How long whoever asks waits for a lookup: servers have a little less, so that the reason is theirs. */
  timeoutMs?: number;
  ldif?: Omit<LdifDirectoryOptions, 'pollMs' | 'log'>;
  ldap?: Partial<LdapDirectoryOptions>;
}

/**
 * Opens the directory a URL or a path names: `ldap://`, `ldaps://` (several, with blanks between them), or an LDIF file. A server
 * need not be there yet: whoever asks then has no answer.
 *
 * @throws DirectoryConfigError for settings that cannot be used. @throws LdifFileError for a file that cannot be.
 */
export async function openDirectory(url: string, options: OpenDirectoryOptions = {}): Promise<Directory> {
  const { env = {}, log = silentLog, pollMs, timeoutMs } = options;
  const shared = { log, ...(pollMs === undefined ? {} : { pollMs }) };
  if (!isLdapUrl(url)) return ldifDirectory(url, { ...options.ldif, ...shared });
  const settings = { ...(await ldapSettings(url, env)), ...shared, ...(timeoutMs === undefined ? {} : within(timeoutMs)), ...options.ldap };
  // Whether it can tell memberships at once depends on what it is. When it does not answer now, groups are walked.
  const profile = settings.profile ?? (await detected(settings, log));
  return ldapDirectory({ ...settings, ...(profile === undefined ? {} : { profile }) });
}

function within(timeoutMs: number): Pick<LdapDirectoryOptions, 'timeoutMs' | 'searchTimeoutMs' | 'connectTimeoutMs'> {
  return { timeoutMs: timeoutMs * 0.9, searchTimeoutMs: timeoutMs * 4.5, connectTimeoutMs: timeoutMs * 0.75 };
}

/** What a server says it is; `undefined` when none answers now. */
async function detected(settings: LdapDirectoryOptions, log: Log): Promise<LdapProfile | undefined> {
  const { servers, credentials = { kind: 'anonymous' }, tls = {}, connectTimeoutMs = 1_500 } = settings;
  let reason = '';
  for (const server of servers) {
    try {
      const connection = await openConnection(server, { credentials, tls, connectTimeoutMs });
      connection.close();
      return connection.rootDse.activeDirectory ? activeDirectoryProfile : openLdapProfile;
    } catch (error) {
      reason = `${server.name}: ${failureOf(error).message}`;
    }
  }
  log.warn('directory.profile-unknown', { reason });
  return undefined;
}

/**
 * Settings from a URL and the environment; the environment goes before the URL.
 *
 * @throws DirectoryConfigError with what is wrong, without any secret.
 */
export async function ldapSettings(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ servers: LdapServer[]; credentials: Credentials; tls: TlsFiles; bases?: string[]; profile?: LdapProfile }> {
  const given = (name: string) => (env[name] === undefined || env[name].trim() === '' ? undefined : env[name]);
  const mode = given('LDAP_TLS') ?? 'auto';
  if (mode !== 'auto' && mode !== 'starttls' && mode !== 'none')
    throw new DirectoryConfigError('LDAP_TLS: one of auto, starttls, none expected');
  const urls = parseServerUrls(url, mode);
  const tls: TlsFiles = {
    ...(await pem('ca', 'LDAP_CA_FILE', given)),
    ...(await pem('cert', 'LDAP_CERT_FILE', given)),
    ...(await pem('key', 'LDAP_KEY_FILE', given)),
  };
  if ((tls.cert === undefined) !== (tls.key === undefined)) throw new DirectoryConfigError('LDAP_CERT_FILE and LDAP_KEY_FILE go together');
  const bases = given('LDAP_BASE')
    ?.split(';')
    .map((base) => base.trim())
    .filter((base) => base !== '');
  const name = given('LDAP_PROFILE') ?? urls.profile;
  const profile = name === undefined ? undefined : await profileNamed(name);
  return {
    servers: urls.servers,
    credentials: credentialsOf(given('LDAP_BIND_DN') ?? urls.bindDn, env['LDAP_PASSWORD'] || urls.password, urls.servers, tls),
    tls,
    ...(bases === undefined ? {} : { bases }),
    ...(profile === undefined ? {} : { profile }),
  };
}

function credentialsOf(
  dn: string | undefined,
  password: string | undefined,
  servers: readonly LdapServer[],
  { cert }: TlsFiles,
): Credentials {
  if (dn !== undefined) {
    // A server takes a name without a password for nobody (RFC 4513 §5.1.2), and nobody sees little: no one would be found.
    if (password === undefined || password === '') throw new DirectoryConfigError('a bind DN without a password (LDAP_PASSWORD)');
    return { kind: 'simple', dn, password };
  }
  if (password !== undefined) throw new DirectoryConfigError('a password without a bind DN (LDAP_BIND_DN)');
  if (cert === undefined) return { kind: 'anonymous' };
  if (servers.some(({ tls }) => tls === 'none')) throw new DirectoryConfigError('a certificate (LDAP_CERT_FILE) needs TLS to be shown');
  return { kind: 'external' };
}

async function profileNamed(name: string): Promise<LdapProfile> {
  const known = Object.hasOwn(ldapProfiles, name) ? ldapProfiles[name] : undefined;
  if (known !== undefined) return known;
  if (!name.endsWith('.json'))
    throw new DirectoryConfigError(`LDAP_PROFILE: one of ${Object.keys(ldapProfiles).join(', ')}, or the path of a .json file expected`);
  return profileFromJson(await text(name, 'LDAP_PROFILE'));
}

async function pem<Key extends keyof TlsFiles>(
  key: Key,
  variable: string,
  given: (name: string) => string | undefined,
): Promise<Pick<TlsFiles, Key> | undefined> {
  const file = given(variable);
  if (file === undefined) return undefined;
  const content = await text(file, variable);
  if (!content.includes('-----BEGIN ')) throw new DirectoryConfigError(`${variable}: no PEM file`);
  const files: TlsFiles = {};
  files[key] = content;
  return files;
}

async function text(file: string, variable: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DirectoryConfigError(`${variable}: cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
