import type { People } from '../people.ts';
import type { PostfixTree } from './package.ts';

export interface PostfixPlace {
  dir: string; // everything of the instance
  tree: PostfixTree;
  port: number;
  /** One more port, which offers STARTTLS; files, PEM. */
  tls?: { port: number; cert: string; key: string };
  sinkPort: number;
  people: People;
  settings?: Readonly<Record<string, string>>; // of `main.cf`, beside ours
}

/** Who owns the mailboxes; needs no account (`nobody` on Debian). */
export const mailboxOwner = 65_534;

const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1);

/**
 * `main.cf` of a private instance: Postfix as Debian ships it, with virtual mailboxes (Maildir), everything else to the sink. Set apart
 * from the defaults are only places, names without DNS, and limits that our group would hit.
 */
export function mainCf({ dir, tree, sinkPort, people, tls, settings: more = {} }: PostfixPlace): string {
  const domains = [
    ...new Set([...people.users, ...(people.group === undefined ? [] : [people.group.address, ...people.group.members])].map(domainOf)),
  ];
  const settings: Record<string, string> = {
    compatibility_level: '3.6',
    queue_directory: `${dir}/spool`,
    data_directory: `${dir}/data`,
    command_directory: tree.commands,
    daemon_directory: tree.daemons,
    meta_directory: tree.meta,
    shlib_directory: `${tree.root}/usr/lib/postfix`,
    import_environment: `MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH=${tree.libraries}`,
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    myhostname: 'postfix.bench.example',
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    alias_maps: '',
    disable_dns_lookups: 'yes',
    smtp_host_lookup: 'native',
    smtpd_peername_lookup: 'no',
    message_size_limit: '52428800',
    mailbox_size_limit: '0',
    virtual_mailbox_limit: '0',
    maillog_file_prefixes: dir,
    maillog_file: `${dir}/maillog`,
    relayhost: `[127.0.0.1]:${sinkPort}`,
    ...(tls === undefined ? {} : { smtpd_tls_cert_file: tls.cert, smtpd_tls_key_file: tls.key }),
    virtual_mailbox_domains: domains.join(' '),
    virtual_mailbox_base: `${dir}/mail`,
    virtual_mailbox_maps: `hash:${dir}/etc/mailboxes`,
    virtual_alias_maps: `hash:${dir}/etc/aliases`,
    virtual_alias_expansion_limit: '20000',
    virtual_uid_maps: `static:${mailboxOwner}`,
    virtual_gid_maps: `static:${mailboxOwner}`,
  };
  return Object.entries({ ...settings, ...more })
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
}

/** `master.cf`: Debian's, with our port instead of 25 and another one for TLS, nothing in a chroot, and without the transports to programs that are not here. */
export function masterCf(distributed: string, port: number, tlsPort: number | undefined): string {
  const lines = distributed.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const end = lines.findIndex((line) => line.startsWith('maildrop '));
  return lines
    .slice(0, end < 0 ? undefined : end)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      if (/^\s/.test(line) || fields.length < 8) return `  ${line.trim()}`; // options of the line before
      const [service = '', type = '', ...rest] = fields;
      const listening = (name: string, ...more: string[]) => [name, type, ...rest.with(2, 'n'), ...more].join(' ');
      if (service !== 'smtp' || type !== 'inet') return listening(service);
      const plain = listening(`127.0.0.1:${port}`);
      return tlsPort === undefined ? [plain] : [plain, listening(`127.0.0.1:${tlsPort}`, '-o', 'smtpd_tls_security_level=may')];
    })
    .map((line) => `${line}\n`)
    .join('');
}

/** Lookup tables: address -> mailbox, and the group -> its members. */
export function tables(people: People): { mailboxes: string; aliases: string } {
  const all = new Set([...people.users, ...(people.group?.members ?? [])]);
  return {
    mailboxes: [...all].map((address) => `${address} ${address}/\n`).join(''),
    aliases: people.group === undefined ? '' : `${people.group.address} ${people.group.members.join(', ')}\n`,
  };
}
