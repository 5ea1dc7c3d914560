import { readFileSync } from 'node:fs';
import { type ConnectorSettings, domainForForeign, type OrganizationSource, type RetrySchedule } from '@mailrail/organization';
import { ConfigError } from '@mailrail/pipeline';
import type { Log } from '@mailrail/telemetry';
import type { ConnectorNow } from './connector.ts';
import { isLoopback, parseNextHop } from './next-hop.ts';
import { type TlsMode, type TlsPolicy, tlsPolicy } from './tls-policy.ts';

export interface ConnectorSource {
  /** The connector as the file has it now; the same object while nothing changed. One that was removed keeps its last form. */
  now: () => ConnectorNow & { schedule: RetrySchedule };
}

export interface ConnectorSecrets {
  /** Password of an smtp connector, or secret of the sites. */
  password?: string | undefined;
  /** Files with PEM: authorities trusted, our certificate and its key. */
  caFile?: string | undefined;
  certFile?: string | undefined;
  keyFile?: string | undefined;
}

/**
 * Follows one connector of the organization file.
 *
 * @param kind the connector must have. `secrets` is asked with the connector's settings, since they name the variable of the password.
 * @throws ConfigError when the file has no such connector, or what it needs is missing; says what there is.
 */
export function connectorSource(
  organization: OrganizationSource,
  name: string,
  kind: ConnectorSettings['kind'],
  secrets: (settings: ConnectorSettings) => ConnectorSecrets,
  log: Log,
): ConnectorSource {
  const policies = new Map<TlsMode, TlsPolicy>();
  const policyOf = (mode: TlsMode, { caFile, certFile, keyFile }: ConnectorSecrets): TlsPolicy => {
    const known = policies.get(mode);
    if (known !== undefined) return known;
    const pem = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));
    const [ca, cert, key] = [pem(caFile), pem(certFile), pem(keyFile)];
    const policy = tlsPolicy(mode, {
      ...(ca === undefined ? {} : { ca, onlyCa: kind === 'routing-group' }), // the organization's own authority alone speaks for its sites
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    policies.set(mode, policy);
    return policy;
  };

  const read = (): ReturnType<ConnectorSource['now']> | undefined => {
    const latest = organization.current();
    const { settings, hostname } = latest;
    const found = settings.connectors.find((one) => one.name === name && one.kind === kind);
    if (found === undefined) return undefined;
    const given = secrets(found);
    const common = {
      hostname,
      foreignDomain: domainForForeign(latest),
      maxSessions: found.maxSessions,
      schedule: found.schedule ?? settings.schedule,
    };
    if (found.kind === 'routing-group') {
      const auth = given.password === undefined ? {} : { auth: { user: settings.site, password: given.password } };
      return { ...common, hosts: found.bridgeheads, tls: policyOf(siteTls(found.tls, found.bridgeheads), given), ...auth };
    }
    const { user } = found;
    if (user !== undefined && given.password === undefined)
      throw new ConfigError(`configuration: connector ${name} has a user, but ${found.passwordEnv ?? 'passwordEnv'} is not set`);
    const auth = user === undefined || given.password === undefined ? {} : { auth: { user, password: given.password } };
    return { ...common, hosts: found.smartHosts, tls: policyOf(found.tls, given), ...auth };
  };

  const first = read();
  if (first === undefined) {
    const others = organization.current().settings.connectors.filter((one) => one.kind === kind);
    throw new ConfigError(
      `configuration: the organization has no ${kind} connector ${name}; it has ${others.map((one) => one.name).join(', ') || 'none'}`,
    );
  }
  let current = first;
  let snapshot = organization.current();
  return {
    now: () => {
      const latest = organization.current();
      if (latest !== snapshot) {
        snapshot = latest;
        try {
          current = read() ?? current;
        } catch (error) {
          log.error('connector.kept', { connector: name, reason: error instanceof Error ? error.message : String(error) });
        }
      }
      return current;
    },
  };
}

/** S2: between sites TLS is required; only on one machine may it be left out. */
function siteTls(mode: TlsMode, bridgeheads: readonly string[]): TlsMode {
  const local = bridgeheads.every((text) => isLoopback(parseNextHop(text)?.hop.name ?? ''));
  return mode === 'never' && local ? 'never' : 'required';
}
