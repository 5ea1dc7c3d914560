/** More hosts than a cluster has nodes: what is longer is a mistake. */
const maxHosts = 32;
const form = /^(amqps?):\/\/(?:([^@/?#]*)@)?([^@/?#]+)([/?][^#]*)?$/;

/**
 * The addresses of one broker: `amqp://user:password@host:5672,host2:5672/vhost` is two, which differ in the host alone.
 *
 * @throws TypeError for what is no such address; it never repeats the text, which may hold a password.
 */
export function amqpUrls(text: string): string[] {
  const found = form.exec(text);
  if (found === null) throw new TypeError('not amqp://user:password@host:port,host2:port/vhost (amqps for TLS)');
  const [, scheme = '', userInfo, hosts = '', rest = ''] = found;
  const names = hosts.split(',').map((host) => host.trim());
  if (names.length > maxHosts) throw new TypeError(`more than ${maxHosts} hosts`);
  return names.map((host) => {
    const url = `${scheme}://${userInfo === undefined ? '' : `${userInfo}@`}${host}${rest}`;
    if (!URL.canParse(url) || new URL(url).hostname === '') throw new TypeError('a host of the broker’s address cannot be read');
    return url;
  });
}

/** Whether a text is such an address; for schemas. */
export function isAmqpUrl(text: string): boolean {
  try {
    amqpUrls(text);
    return true;
  } catch {
    return false;
  }
}

/** Takes hosts in turn, beginning anywhere, so that many processes do not all go to the first one. @throws RangeError when there is none. */
export function inTurn(hosts: readonly string[], random: () => number = Math.random): () => string {
  let at = Math.floor(random() * hosts.length);
  return () => {
    const host = hosts[at % hosts.length];
    if (host === undefined) throw new RangeError('no host');
    at += 1;
    return host;
  };
}
