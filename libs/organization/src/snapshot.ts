import type { Domain, Organization } from './schema.ts';

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
}

/** @param version says which text the settings come from; mails carry it so that a decision can be explained later. */
export function snapshotOf(settings: Organization, version: string): OrganizationSnapshot {
  const domains = new Map(settings.domains.map((domain) => [domain.name, domain]));
  const servers = new Map(settings.servers.map((server) => [server.name.toLowerCase(), server]));
  return {
    settings,
    version,
    hostname: settings.hostname ?? defaultHostname(settings.server, settings.domains),
    domain: (name) => domains.get(name.toLowerCase()),
    serverRow: (name) => servers.get(name.toLowerCase()),
  };
}

/** `EX1` of `corp.example` -> `ex1.corp.example`: `<server>.<first authoritative domain>`, or the first domain of any type. */
export function defaultHostname(server: string, domains: readonly { name: string; type: string }[]): string {
  const first = domains.find((domain) => domain.type === 'authoritative') ?? domains[0];
  return (first === undefined ? server : `${server}.${first.name}`).toLowerCase();
}
