import { dnKey } from '../dn.ts';
import { DirectoryConfigError } from './config-error.ts';

/** Where a directory server listens, and how we go there. */
export interface LdapServer {
  name: string; // `ldaps://dc1.corp.example:636`, for logs
  host: string;
  port: number;
  tls: 'ldaps' | 'starttls' | 'none';
  catalog: boolean; // an Active Directory global catalog: knows the whole forest, but not every attribute
  base: string | undefined; // what the URL says below which this server knows entries
}

export interface ServerUrls {
  servers: LdapServer[];
  /** From the URL; each may be given by the environment as well. */
  bindDn: string | undefined;
  password: string | undefined;
  profile: string | undefined;
}

const ports = { 'ldap:': 389, 'ldaps:': 636 };
const catalogPorts = new Set([3268, 3269]);
const maxServers = 16;

/** Whether a directory is named by URL rather than by the path of a file. */
export function isLdapUrl(text: string): boolean {
  return /^\s*ldaps?:\/\//i.test(text);
}

/**
 * Reads one URL or several, with blanks between them, the preferred server first:
 * `ldap[s]://[bindDN[:password]@]host[:port][/baseDN][?option&option]`, percent-encoded (RFC 4516 §2.1). Options are
 * `profile=NAME`, `bindname=DN`, `starttls`, `plain` and `catalog`.
 *
 * @param tls what `ldap://` means where the URL does not say it: `auto` is StartTLS, and plain on loopback.
 * @throws DirectoryConfigError for what cannot be used, without any secret in it.
 */
export function parseServerUrls(text: string, tls: 'auto' | 'starttls' | 'none' = 'auto'): ServerUrls {
  const words = text.trim().split(/\s+/);
  if (words.length > maxServers) throw new DirectoryConfigError(`more than ${maxServers} directory servers`);
  const found: ServerUrls = { servers: [], bindDn: undefined, password: undefined, profile: undefined };
  for (const word of words) {
    const one = parseOne(word, tls);
    found.servers.push(one.server);
    found.bindDn ??= one.bindDn;
    found.password ??= one.password;
    found.profile ??= one.profile;
  }
  return found;
}

function parseOne(word: string, tls: 'auto' | 'starttls' | 'none') {
  // A DN before the host is allowed as people write it, with `=` and `,`; only the last `@` parts it from the host.
  const [, scheme = '', userinfo = '', rest = ''] = /^(ldaps?:)\/\/(?:([^/]*)@)?([^@]*)$/i.exec(authority(word)) ?? [];
  const shown = `${scheme}//${rest}`;
  if (scheme === '') throw new DirectoryConfigError('the directory must be a path or ldap[s]://host[:port][/baseDN]');
  const wrong = (what: string) => new DirectoryConfigError(`${shown}: ${what}`);
  let url: URL;
  try {
    url = new URL(shown.replace(/^ldaps?/i, 'http')); // the rules for host and port are the same
  } catch {
    throw wrong('is no URL');
  }
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw wrong('a `%` without two hex digits');
    }
  };
  const protocol = scheme.toLowerCase() === 'ldaps:' ? 'ldaps:' : 'ldap:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // Port 80 is the one that URL leaves out for http.
  const port = url.port === '' ? (/:80(?:\/|\?|$)/.test(rest) ? 80 : ports[protocol]) : Number(url.port);
  const path = decode(url.pathname.slice(1));
  if (path !== '' && dnKey(path).startsWith('?')) throw wrong('what follows the host is no DN');

  const colon = userinfo.indexOf(':');
  let bindDn = userinfo === '' ? undefined : decode(colon < 0 ? userinfo : userinfo.slice(0, colon));
  const password = colon < 0 ? undefined : decode(userinfo.slice(colon + 1));
  let profile: string | undefined;
  let catalog = catalogPorts.has(port);
  let mode: LdapServer['tls'] = protocol === 'ldaps:' ? 'ldaps' : tls === 'auto' ? (isLoopback(host) ? 'none' : 'starttls') : tls;
  for (const part of url.search.split(/[?&,]/)) {
    const [name = '', value = ''] = part.split(/=(.*)/s, 2).map(decode);
    switch (name.toLowerCase().replace(/^!|^x-/, '')) {
      case '':
        break;
      case 'profile':
        profile = value;
        break;
      case 'bindname':
        bindDn = value;
        break;
      case 'catalog':
        catalog = true;
        break;
      case 'starttls':
        if (protocol === 'ldap:') mode = 'starttls';
        break;
      case 'plain':
        if (protocol === 'ldaps:') throw wrong('ldaps is never plain');
        mode = 'none';
        break;
      default:
        throw wrong(`the option ${name.slice(0, 40)} is not known; there are profile=, bindname=, starttls, plain, catalog`);
    }
  }
  const server: LdapServer = {
    name: `${protocol}//${url.hostname}:${port}`,
    host,
    port,
    tls: mode,
    catalog,
    base: path === '' ? undefined : path,
  };
  return { server, bindDn, password, profile };
}

/** A DN or a password before the host may hold what would end the host; encoded, it does not. */
function authority(word: string): string {
  const [, scheme, before, after] = /^(ldaps?:\/\/)([^?]*)@([^@]*)$/i.exec(word) ?? [];
  if (scheme === undefined || before === undefined || after === undefined) return word;
  return `${scheme}${before.replaceAll('/', '%2F')}@${after}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
