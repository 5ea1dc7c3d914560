import { randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { OrganizationSnapshot, OrganizationSource } from '@mailrail/organization';
import { type Reply, replies, scramCredential, scramDecoy } from '@mailrail/smtp';
import type { Log, Metrics } from '@mailrail/telemetry';
import type { Acceptor, GatewayLine } from './accept.ts';
import { takeProxyHeader } from './behind-proxy.ts';
import type { RateLimits } from './limits/rate-limits.ts';
import { SessionLimits } from './limits/session-limits.ts';
import type { RecipientCheck } from './recipient-check.ts';
import type { SenderChecks } from './sender-checks/sender-checks.ts';
import { SmtpConnection } from './smtp-connection.ts';
import type { SmtpLimits } from './smtp-clock.ts';
import {
  type ListenerKind,
  listenerExtensions,
  listenerSettings,
  networks,
  peerSite,
  plainAddress,
  sameSecret,
  takesStrangers,
} from './smtp-listeners.ts';

/** PEM texts; `ca` verifies certificates of peer sites. */
export interface Certificate {
  key: string;
  cert: string;
  ca?: string;
}

export interface SmtpListenerOptions {
  kind: ListenerKind;
  host: string;
  port: number; // 0 takes a free one
  acceptor: Acceptor;
  organization: Pick<OrganizationSource, 'current'>;
  log: Log;
  metrics: Pick<Metrics, 'refused' | 'sessions' | 'possibleDuplicates'>;
  tell?: GatewayLine['tell'];
  /** Without it STARTTLS is not offered. */
  tls?: Certificate;
  /** TLS from the first byte (RFC 8314 §3): SUBMISSIONS, SMTPS. Needs `tls`. */
  implicitTls?: boolean;
  /** The account of a submission listener. */
  account?: { user: string; password: string };
  /** Looks recipients up where the settings say so; without it nobody is. */
  recipients?: RecipientCheck;
  /** Checks senders from outside where the settings say so; without it nobody is. */
  senders?: SenderChecks;
  /** Counts what clients bring, where the settings limit it; without it nothing is. */
  rates?: RateLimits;
  /** Password of every peer site; its user name is the site's. */
  siteSecret?: string;
  limits?: Partial<Omit<SmtpLimits, 'sessionMs'>>;
}

export interface SmtpListener {
  port: number;
  readonly sessions: number;
  /**
   * From the next handshake on this certificate is shown; nothing for a listener that has none.
   *
   * @throws OpenSSL's error when key and certificate do not fit; the old one stays.
   */
  renew(certificate: Certificate): void;
  /** Takes no more connections, lets transactions in hand end for a few seconds, says 421 to the rest, closes. */
  close(): Promise<void>;
}

export const defaultSmtpLimits: Omit<SmtpLimits, 'sessionMs'> = {
  commandMs: 300_000,
  dataMs: 600_000,
  idleMs: 600_000,
  lingerMs: 2_000,
  stopMs: 5_000,
  authDelayMs: 500,
};

/**
 * Listens for SMTP. Connections over the limits of the organization file hear 421 and cost nothing more; a client that is slow
 * costs its socket.
 *
 * @throws Error for implicit TLS without a certificate, the system's error when the port cannot be had, OpenSSL's when key and certificate do not fit.
 */
export async function openSmtpListener(options: SmtpListenerOptions): Promise<SmtpListener> {
  const { kind, acceptor, organization, log, metrics } = options;
  const limits = { ...defaultSmtpLimits, ...options.limits };
  const connections = new Set<SmtpConnection>();
  const perClient = new Map<string, number>();
  const hasAccounts = kind === 'site' ? options.siteSecret !== undefined : options.account !== undefined;
  const secure = options.tls === undefined ? undefined : openTls(options.tls, kind, log, limits.commandMs);
  const passwords = kind !== 'site' && options.account !== undefined ? scramOf(options.account) : undefined;
  let served = 0;
  let toldUnchecked = false;
  let stopping = false;
  let emptied: (() => void) | undefined;

  const handshakes = new Set<Socket>(); // connections that have not come to a session yet
  const implicit = options.implicitTls === true ? secure : undefined;
  if (options.implicitTls === true && secure === undefined) throw new Error('implicit TLS needs a certificate');

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (raw) => {
    const settings = listenerSettings(kind, organization.current());
    const own = plainAddress(raw.remoteAddress);
    if (!networks(settings.proxyNetworks)(own)) return admit(raw, own, true);
    raw.on('error', () => {});
    handshakes.add(raw);
    raw.once('close', () => handshakes.delete(raw));
    takeProxyHeader(raw, Math.min(limits.commandMs, proxyHeaderMs), (header) => {
      handshakes.delete(raw);
      if (header === undefined) {
        log.warn('gateway.proxy-refused', { gateway: settings.name, peer: own, reason: 'no PROXY header came' });
        return raw.destroy();
      }
      // Of a client the proxy does not know, nothing is known: its own address says nothing of it.
      admit(raw, plainAddress(header.client?.address ?? own), header.client !== undefined);
      // A handshake reads for itself.
      return implicit === undefined ? raw.resume() : undefined;
    });
    return undefined;
  });

  /** @param known whether the address is the client's. */
  function admit(raw: Socket, address: string, known: boolean): void {
    const snapshot = organization.current();
    const settings = listenerSettings(kind, snapshot);
    const mine = perClient.get(address) ?? 0;
    if (settings.recipientCheck && options.recipients === undefined && !toldUnchecked) {
      toldUnchecked = true;
      log.warn('gateway.recipients-unchecked', {
        gateway: settings.name,
        reason: 'recipientCheck was switched on while the gateway runs: start it anew',
      });
    }
    const tooMany = served >= settings.maxSessions || mine >= settings.maxSessionsPerClient;
    const refusal = refusalAtConnect(tooMany);
    // A handshake only to be turned away would cost more than the mail.
    if (implicit !== undefined && (tooMany || stopping)) return void raw.destroy();
    const serves = refusal === undefined; // those who are turned away take nobody's place
    if (serves) {
      served += 1;
      perClient.set(address, mine + 1);
      metrics.sessions.inc({ name: settings.name });
    }
    const gone = () => {
      if (!serves) return;
      served -= 1;
      const left = (perClient.get(address) ?? 1) - 1;
      if (left > 0) perClient.set(address, left);
      else perClient.delete(address);
      metrics.sessions.dec({ name: settings.name });
    };
    const rates = options.rates === undefined ? undefined : new SessionLimits(options.rates, settings);
    const talk = (socket: Socket, secured?: TLSSocket) => {
      const connection = new SmtpConnection(socket, {
        settings,
        snapshot,
        extensions: listenerExtensions(settings, snapshot, secure !== undefined, hasAccounts),
        acceptor,
        limits: {
          ...limits,
          commandMs: settings.commandTimeout ?? limits.commandMs,
          dataMs: settings.dataTimeout ?? limits.dataMs,
          sessionMs: settings.sessionTimeout,
        },
        log,
        metrics,
        tell: options.tell,
        rates,
        senders: settings.senderChecks === 'none' ? undefined : options.senders,
        recipients: settings.recipientCheck ? options.recipients : undefined,
        address,
        known,
        xclient: networks(settings.xclientNetworks)(plainAddress(raw.remoteAddress)),
        inNetwork: known && takesStrangers(kind) && networks(settings.insideNetworks)(address),
        secured,
        authenticate: (user, password) => authenticate(options, snapshot, user, password),
        scramOf: passwords?.credentialOf,
        proved: (user) => (user === options.account?.user ? { user } : undefined),
        startTls: (clear, up) => secure?.start(clear, up),
        siteOf: (peer) => (kind === 'site' ? siteOfCertificate(peer, snapshot) : undefined),
        closed: () => {
          connections.delete(connection);
          if (connections.size === 0) emptied?.();
          gone();
        },
      });
      connections.add(connection);
      // A client that nobody knows is the proxy itself.
      const counted = refusal === undefined && known ? rates?.connection(address) : undefined;
      if (counted === undefined) connection.start(refusal);
      else connection.startWhen(counted);
    };
    if (implicit === undefined) return talk(raw);
    let talking = false;
    handshakes.add(raw);
    raw.on('error', () => {});
    raw.once('close', () => {
      handshakes.delete(raw);
      if (!talking) gone();
    });
    implicit.start(raw, (secured) => {
      handshakes.delete(raw);
      talking = true;
      talk(secured, secured);
    });
    return undefined;
  }

  function refusalAtConnect(tooMany: boolean): Reply | undefined {
    if (stopping) return replies.shuttingDown;
    if (tooMany) return replies.tooManySessions;
    const obstacle = acceptor.obstacle();
    return obstacle?.cause === 'down' ? obstacle.reply : undefined;
  }

  // One clock for all: no timer is set or cleared as mail passes.
  const shortest = Math.min(limits.commandMs, limits.dataMs, limits.idleMs, limits.lingerMs);
  const clock = setInterval(
    () => {
      const now = performance.now();
      for (const connection of connections) connection.checkTime(now);
    },
    Math.max(10, Math.min(1_000, shortest / 4)),
  );
  clock.unref();

  // Beyond what can be told 421 in peace, connections are closed without a word.
  server.maxConnections = 2 * listenerSettings(kind, organization.current()).maxSessions + 100;
  server.on('error', (error) => log.error('gateway.listener-failed', { gateway: kind, error }));
  await new Promise<void>((resolve, fail) => {
    server.once('error', fail);
    server.listen({ host: options.host, port: options.port, backlog: 1_024 }, () => {
      server.off('error', fail);
      resolve();
    });
  });
  const bound = server.address();

  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    get sessions() {
      return served;
    },
    renew: (certificate) => secure?.renew(certificate),
    async close() {
      stopping = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const empty = new Promise<void>((resolve) => {
        emptied = resolve;
      });
      for (const raw of handshakes) raw.destroy();
      for (const connection of connections) connection.drain();
      if (connections.size > 0) {
        const late = setTimeout(() => {
          for (const connection of connections) connection.endNow();
        }, limits.stopMs);
        const last = setTimeout(() => {
          for (const connection of connections) connection.destroy();
        }, limits.stopMs + limits.lingerMs);
        await empty;
        clearTimeout(late);
        clearTimeout(last);
      }
      await closed;
      clearInterval(clock);
    },
  };
}

function authenticate({ kind, account, siteSecret }: SmtpListenerOptions, snapshot: OrganizationSnapshot, user: string, password: string) {
  if (kind === 'site') {
    const peer = peerSite(user, snapshot);
    return siteSecret !== undefined && sameSecret(password, siteSecret) && peer !== undefined ? { user: peer, peer } : undefined;
  }
  if (account === undefined) return undefined;
  // Both are compared in any case: which of them was wrong is not to be told by the time it takes.
  const right = [sameSecret(user, account.user), sameSecret(password, account.password)];
  return right.every(Boolean) ? { user: account.user } : undefined;
}

/** SCRAM for the one account of a listener. The password is stretched once, here. */
function scramOf({ user, password }: { user: string; password: string }) {
  const credential = scramCredential(password, randomBytes(16));
  const secret = randomBytes(32);
  return { credentialOf: (name: string) => (name === user ? credential : scramDecoy(name, secret)) };
}

/** A proxy sends its header at once. */
const proxyHeaderMs = 10_000;

/** The site a client certificate stands for, when the organization's authority has signed it: its common name or a DNS name. */
function siteOfCertificate(secured: TLSSocket, snapshot: OrganizationSnapshot): string | undefined {
  if (!secured.authorized) return undefined;
  const { subject, subjectaltname = '' } = secured.getPeerCertificate();
  const names = [subject?.CN ?? '', ...subjectaltname.split(/, */).map((name) => name.replace(/^DNS:/, ''))].flat();
  for (const name of names) {
    const site = peerSite(name, snapshot);
    if (site !== undefined) return site;
  }
  return undefined;
}

/** TLS for connections that begin in clear: the handshakes of a TLS server that itself does not listen. */
function openTls(certificate: Certificate, kind: ListenerKind, log: Log, handshakeTimeout: number) {
  const waiting = new Map<string, (secured: TLSSocket) => void>();
  const wayOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort} ${socket.localPort}`;
  const contextOf = ({ key, cert, ca }: Certificate) =>
    ({ key, cert, minVersion: 'TLSv1.2', ...(kind === 'site' && ca !== undefined ? { ca } : {}) }) as const;
  const verify = kind === 'site' && certificate.ca !== undefined ? { requestCert: true, rejectUnauthorized: false } : {};
  const server = createTlsServer({ handshakeTimeout, allowHalfOpen: true, ...contextOf(certificate), ...verify });
  server.on('secureConnection', (secured) => {
    const way = wayOf(secured);
    const up = waiting.get(way);
    waiting.delete(way);
    if (up === undefined) secured.destroy();
    else up(secured);
  });
  server.on('tlsClientError', (error, secured) => {
    log.info('gateway.tls-failed', { gateway: kind, reason: error.message.slice(0, 200) });
    secured.destroy();
  });
  return {
    renew: (next: Certificate) => server.setSecureContext(contextOf(next)),
    start(raw: Socket, up: (secured: TLSSocket) => void): void {
      const way = wayOf(raw);
      waiting.set(way, up);
      raw.once('close', () => waiting.delete(way));
      server.emit('connection', raw);
    },
  };
}
