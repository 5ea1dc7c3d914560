/** Where an LMTP server is, and how it is spoken to. */
export interface LmtpLocation {
  at: { host: string; port: number } | { path: string }; // a Unix socket
  /** TLS from the first byte (`lmtps`), by STARTTLS or not at all. `opportunistic` trusts any certificate, `required` and `always` do not. */
  tls: 'always' | 'required' | 'opportunistic' | 'never';
  login: { user: string; password: string } | undefined;
  sessions: number; // at once, from one process
}

const known = ['tls', 'sessions'];

/**
 * Reads `lmtp://[user:password@]host[:24]?tls=required&sessions=8`, `lmtps://...` and `lmtp+unix:///run/dovecot/lmtp`.
 *
 * @throws TypeError saying what is wrong; it never repeats the text, which may hold a password.
 */
export function parseLmtpLocation(text: string): LmtpLocation {
  const [, scheme = '', rest = ''] = /^(lmtps?|lmtp\+unix):(\/\/.*)$/.exec(text) ?? [];
  if (scheme === '' || !URL.canParse(`http:${rest.replace(/^\/\/\//, '//unix/')}`))
    throw new TypeError('mailboxes are lmtp://host:port, lmtps://host:port or lmtp+unix:///path');
  const url = new URL(`http:${rest.replace(/^\/\/\//, '//unix/')}`); // the rules for host and port are the same
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) throw new TypeError(`an LMTP server knows no parameter ${name.slice(0, 40)}; it knows ${known.join(', ')}`);
  }
  const sessions = Number(url.searchParams.get('sessions') ?? '8');
  if (!Number.isInteger(sessions) || sessions < 1 || sessions > 1_000) throw new TypeError('sessions is a number from 1 to 1000');
  const tls = url.searchParams.get('tls') ?? 'opportunistic';
  if (tls !== 'required' && tls !== 'opportunistic' && tls !== 'never') throw new TypeError('tls is required, opportunistic or never');
  if (scheme === 'lmtp+unix') {
    if (!rest.startsWith('///')) throw new TypeError('a Unix socket is lmtp+unix:///path');
    return { at: { path: decodeURIComponent(url.pathname) }, tls: 'never', login: loginOf(url), sessions };
  }
  if (rest.startsWith('///')) throw new TypeError('the host is missing');
  if (url.pathname !== '/') throw new TypeError('an LMTP server has no path');
  // 80 is what the other scheme leaves out when it is said.
  const port = /^\/\/[^/?]*:80(?:[/?]|$)/.test(rest) ? 80 : Number(url.port === '' ? '24' : url.port);
  const at = { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port };
  return { at, tls: scheme === 'lmtps' ? 'always' : tls, login: loginOf(url), sessions };
}

function loginOf({ username, password }: URL): LmtpLocation['login'] {
  return username === '' ? undefined : { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Whether what is said stays on this machine. */
export function isLocal({ at }: LmtpLocation): boolean {
  return 'path' in at || at.host === 'localhost' || at.host === '::1' || at.host.startsWith('127.');
}
