import type { Log } from '@mailrail/telemetry';
import { type ConnectOptions, type LdapConnection, openConnection } from './connection.ts';
import type { LdapProfile } from './ldap-profile.ts';
import { ldapPool, type Pool } from './pool.ts';
import { type ServerFacts, serverFacts } from './server-facts.ts';
import { serverList } from './server-list.ts';
import type { LdapServer } from './server-url.ts';

export interface PartOptions extends ConnectOptions {
  servers: readonly LdapServer[]; // in order of preference, each with the same entries
  bases: readonly string[] | undefined;
  profile: LdapProfile | undefined;
  connections: number; // for lookups, and as many for expansions
  inFlight: number; // questions on one connection at once
  failBackMs: number;
  log: Log;
}

/** One part of a directory: servers that have the same entries, and the connections to them. */
export interface DirectoryPart {
  readonly bases: readonly string[] | undefined; // as configured
  readonly catalog: boolean;
  /** Short questions: who has an address, is somebody a member. */
  readonly lookups: Pool;
  /** Longer ones, on connections of their own: what is late there must not take lookups along. */
  readonly expansions: Pool;
  factsOf(connection: LdapConnection): ServerFacts;
  /** Below which DNs it has entries, as its servers say. @throws LdapFailure when none of them answers. */
  contexts(timeoutMs: number): Promise<readonly string[]>;
  close(): void;
}

export function directoryPart(options: PartOptions): DirectoryPart {
  const { servers, bases, profile, connections, inFlight, failBackMs, log } = options;
  const facts = new WeakMap<LdapConnection, ServerFacts>();
  const open = async (server: LdapServer): Promise<LdapConnection> => {
    const connection = await openConnection(server, options);
    try {
      facts.set(connection, await serverFacts(connection, { profile, bases }, options.connectTimeoutMs));
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  };
  const pool = (perConnection: number) =>
    ldapPool({ servers: serverList(servers, { log }), open, size: connections, perConnection, failBackMs, log });
  const lookups = pool(inFlight);
  const expansions = pool(inFlight);
  const factsOf = (connection: LdapConnection): ServerFacts => {
    const known = facts.get(connection);
    if (known === undefined) throw new TypeError('a connection of another part of the directory');
    return known;
  };
  let contexts: readonly string[] | undefined;
  return {
    bases,
    catalog: servers.every(({ catalog }) => catalog),
    lookups,
    expansions,
    factsOf,
    async contexts(timeoutMs) {
      contexts ??= await lookups.use(async (connection) => factsOf(connection).contexts, { timeoutMs });
      return contexts;
    },
    close() {
      lookups.close();
      expansions.close();
    },
  };
}
