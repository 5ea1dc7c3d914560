import type { Log } from '@mailrail/telemetry';
import type { LdapConnection } from './connection.ts';
import { failureOf, LdapFailure, leavesConnection } from './failure.ts';
import type { ServerList } from './server-list.ts';
import type { LdapServer } from './server-url.ts';

export interface PoolOptions {
  servers: ServerList;
  open: (server: LdapServer) => Promise<LdapConnection>;
  size: number; // connections
  perConnection: number; // questions on their way on one of them
  /** How often a better server than the one in use is tried. */
  failBackMs: number;
  log: Log;
}

/** Connections to one part of the directory. */
export interface Pool {
  /**
   * Runs work on a connection; when that breaks, once more on another one, since looking twice does no harm.
   *
   * @param options `exclusive`: nobody else uses the connection meanwhile, as the pages of one answer need it.
   * @throws LdapFailure when it was not done in time.
   */
  use<Value>(
    work: (connection: LdapConnection, timeLeftMs: number) => Promise<Value>,
    options: { timeoutMs: number; exclusive?: boolean },
  ): Promise<Value>;
  close(): void;
}

const maxWaiting = 1_000;
/** Less time than this is not worth a second try. */
const shortestTryMs = 20;

interface Member {
  connection: LdapConnection;
  load: number;
  exclusive: boolean;
  retired: boolean; // gets no more work, and ends with the last it has
}
interface Waiter {
  exclusive: boolean;
  take: (member: Member) => void;
  fail: (failure: LdapFailure) => void;
}

/**
 * A pool of connections, each used until its first error. The preferred server is used while it lets us in; while another one
 * is, the better ones are tried from time to time, and work moves back to them.
 */
export function ldapPool({ servers, open, size, perConnection, failBackMs, log }: PoolOptions): Pool {
  const members = new Set<Member>();
  const waiters = new Set<Waiter>();
  let opening = 0;
  let closed = false;
  let failingBack = false;

  const retire = (member: Member) => {
    member.retired = true;
    if (member.load > 0) return;
    members.delete(member);
    member.connection.close();
  };
  const admit = (connection: LdapConnection) => {
    const member: Member = { connection, load: 0, exclusive: false, retired: false };
    members.add(member);
    connection.onClosed(() => members.delete(member));
    if (closed) connection.close();
  };

  const inUse = () => [...members].filter(({ connection, retired }) => connection.alive && !retired);
  const fits = (member: Member, exclusive: boolean) =>
    !member.retired && member.connection.alive && !member.exclusive && (exclusive ? member.load === 0 : member.load < perConnection);
  const free = (exclusive: boolean): Member | undefined => {
    let best: Member | undefined;
    for (const member of members) if (fits(member, exclusive) && (best === undefined || member.load < best.load)) best = member;
    return best;
  };

  /** Gives work to connections, and opens more while that helps. */
  const serve = () => {
    for (const waiter of waiters) {
      const member = free(waiter.exclusive);
      if (member === undefined) {
        if (waiter.exclusive) continue;
        break; // who needs one alone finds none either
      }
      waiters.delete(waiter);
      member.load += 1;
      member.exclusive = waiter.exclusive;
      waiter.take(member);
    }
    if (waiters.size > opening && inUse().length + opening < size) openOne();
  };

  const openOne = () => {
    opening += 1;
    connect().then(
      (connection) => {
        opening -= 1;
        admit(connection);
        serve();
      },
      (error: unknown) => {
        opening -= 1;
        // Who waits may still be served by another connection.
        if (opening > 0 || inUse().length > 0) return;
        for (const waiter of waiters) waiter.fail(failureOf(error));
      },
    );
  };

  const connect = async (): Promise<LdapConnection> => {
    for (const server of servers.candidates()) {
      try {
        const connection = await open(server);
        servers.succeeded(server);
        return connection;
      } catch (error) {
        servers.failed(server, failureOf(error));
      }
    }
    throw new LdapFailure('unreachable', `no directory server can be used: ${servers.lastReason()}`);
  };

  const take = (exclusive: boolean, timeoutMs: number): Promise<Member> => {
    if (closed) return Promise.reject(new LdapFailure('unreachable', 'the directory is closed'));
    if (waiters.size >= maxWaiting)
      return Promise.reject(new LdapFailure('unreachable', `${maxWaiting} questions wait for a connection already`));
    const { promise, resolve, reject } = Promise.withResolvers<Member>();
    const leave = () => {
      clearTimeout(timer);
      waiters.delete(waiter);
    };
    const waiter: Waiter = {
      exclusive,
      take: (member) => {
        leave();
        resolve(member);
      },
      fail: (failure) => {
        leave();
        reject(failure);
      },
    };
    const timer = setTimeout(() => waiter.fail(new LdapFailure('late', `no connection within ${timeoutMs} ms`)), timeoutMs);
    waiters.add(waiter);
    serve();
    return promise;
  };

  /** A server that lets us in and then does not answer: where there is another one, that is asked from now on. */
  const distrust = ({ connection: { server } }: Member, failure: LdapFailure) => {
    if (servers.candidates().every((other) => other === server)) return;
    servers.failed(server, failure);
    for (const member of members) if (member.connection.server === server) retire(member);
  };

  const failBack = async () => {
    const asked = inUse().map(({ connection }) => connection.server);
    const best = asked.sort((a, b) => servers.servers.indexOf(a) - servers.servers.indexOf(b))[0];
    if (best === undefined) return;
    for (const server of servers.betterThan(best)) {
      try {
        const connection = await open(server);
        servers.succeeded(server);
        log.info('directory.failback', { server: server.name });
        for (const member of members) if (member.connection.server !== server) retire(member);
        admit(connection);
        serve();
        return;
      } catch (error) {
        servers.failed(server, failureOf(error));
      }
    }
  };
  const timer =
    servers.servers.length < 2
      ? undefined
      : setInterval(() => {
          if (failingBack) return;
          failingBack = true;
          failBack()
            .catch((error: unknown) => log.error('directory.failback-failed', { reason: failureOf(error).message }))
            .finally(() => {
              failingBack = false;
            });
        }, failBackMs);
  timer?.unref();

  return {
    async use(work, { timeoutMs, exclusive = false }) {
      const deadline = performance.now() + timeoutMs;
      const left = () => deadline - performance.now();
      for (let mayRepeat = true; ; mayRepeat = false) {
        const member = await take(exclusive, Math.max(1, left()));
        try {
          return await work(member.connection, Math.max(1, left()));
        } catch (error) {
          if (!leavesConnection(error)) member.retired = true;
          if (!(error instanceof LdapFailure)) throw error;
          if (error.kind === 'late') distrust(member, error);
          if (error.kind !== 'broken' || !mayRepeat || closed || left() < shortestTryMs) throw error;
        } finally {
          member.load -= 1;
          member.exclusive = false;
          if (member.retired) retire(member);
          serve();
        }
      }
    },
    close() {
      closed = true;
      clearInterval(timer);
      for (const waiter of waiters) waiter.fail(new LdapFailure('unreachable', 'the directory is closed'));
      for (const { connection } of members) connection.close();
      members.clear();
    },
  };
}
