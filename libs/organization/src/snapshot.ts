import type { Domain, MessageFormat, Organization } from './schema.ts';

/** The organization a service works with now; replaced whole when the file changes and is valid. */
export interface OrganizationSource {
  current(): OrganizationSnapshot;
  close(): void;
}

export interface OrganizationSnapshot {
  settings: Organization;
  version: string; // digest of the file, first 12 hex digits
  hostname: string; // lower case
  /** The domain's row, or undefined for a foreign one. Letter case does not matter. */
  domain(name: string): Domain | undefined;
  /** The server's row; letter case does not matter, since directories write it as they like. */
  serverRow(name: string): { name: string; site: string } | undefined;
  /** What systems of a domain can read: the closest row of `messageFormats`. */
  messageFormat(domain: string): MessageFormat | undefined;
}

/** @param version says which text the settings come from; mails carry it so that a decision can be explained later. */
export function snapshotOf(settings: Organization, version: string): OrganizationSnapshot {
  const domains = new Map(settings.domains.map((domain) => [domain.name, domain]));
  const servers = new Map(settings.servers.map((server) => [server.name.toLowerCase(), server]));
  const formats = new Map(settings.messageFormats.map((format) => [format.domain, format]));
  return {
    settings,
    version,
    hostname: settings.hostname ?? defaultHostname(settings.server, settings.domains),
    domain: (name) => domains.get(name.toLowerCase()),
    serverRow: (name) => servers.get(name.toLowerCase()),
    messageFormat: (domain) => (formats.size === 0 ? undefined : closest(formats, domain.toLowerCase())),
  };
}

function closest(formats: ReadonlyMap<string, MessageFormat>, domain: string): MessageFormat | undefined {
  const own = formats.get(domain);
  if (own !== undefined) return own;
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const above = formats.get(`*${domain.slice(dot)}`);
    if (above !== undefined) return above;
  }
  return formats.get('*');
}

/** `EX1` of `corp.example` -> `ex1.corp.example`: `<server>.<first authoritative domain>`, or the first domain of any type. */
export function defaultHostname(server: string, domains: readonly { name: string; type: string }[]): string {
  const first = domains.find((domain) => domain.type === 'authoritative') ?? domains[0];
  return (first === undefined ? server : `${server}.${first.name}`).toLowerCase();
}
