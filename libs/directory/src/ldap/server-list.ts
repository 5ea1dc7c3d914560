import type { Log } from '@mailrail/telemetry';
import type { LdapFailure } from './failure.ts';
import { resultCode } from './failure.ts';
import type { LdapServer } from './server-url.ts';

/** The servers of one part of the directory in order of preference, and which of them are left alone for now. */
export interface ServerList {
  readonly servers: readonly LdapServer[];
  /** Those that may be tried now, preferred first. */
  candidates(): LdapServer[];
  /** The better ones of a server, preferred first, whatever became of them. */
  betterThan(server: LdapServer): LdapServer[];
  failed(server: LdapServer, failure: LdapFailure): void;
  succeeded(server: LdapServer): void;
  lastReason(): string;
}

const firstPauseMs = 250;
const longestPauseMs = 5_000;
/** A refused password is not tried again at once: the account would be locked. */
const credentialsPauseMs = 30_000;

export function serverList(servers: readonly LdapServer[], { log, now = Date.now }: { log: Log; now?: () => number }): ServerList {
  const states = new Map(servers.map((server): [LdapServer, { until: number; pauseMs: number }] => [server, { until: 0, pauseMs: 0 }]));
  let last = 'no server was asked yet';
  return {
    servers,
    candidates: () => servers.filter((server) => (states.get(server)?.until ?? 0) <= now()),
    betterThan: (server) => servers.slice(0, Math.max(0, servers.indexOf(server))),
    failed(server, failure) {
      const state = states.get(server);
      if (state === undefined) return;
      const refused = failure.code === resultCode.invalidCredentials;
      if (state.pauseMs === 0) log.warn('directory.server-down', { server: server.name, reason: failure.message });
      state.pauseMs = refused ? credentialsPauseMs : Math.min(longestPauseMs, state.pauseMs === 0 ? firstPauseMs : state.pauseMs * 2);
      state.until = now() + state.pauseMs;
      last = `${server.name}: ${failure.message}`;
    },
    succeeded(server) {
      const state = states.get(server);
      if (state === undefined) return;
      if (state.pauseMs > 0) log.info('directory.server-up', { server: server.name });
      state.pauseMs = 0;
      state.until = 0;
    },
    lastReason: () => last,
  };
}
