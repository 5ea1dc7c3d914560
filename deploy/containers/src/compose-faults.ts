import { existsSync } from 'node:fs';
import path from 'node:path';
import { imageFaults, serviceEnvironmentFaults } from '@mailrail/k8s';
import type { Compose, Service } from './compose.ts';

const folder = path.join(import.meta.dirname, '..', '..');

/**
 * What must be true of the compose file: every stage of the organization is there, after the topology command; every container is
 * closed and limited and says whether it is well; nothing listens but on loopback.
 *
 * @param stages command lines that must be there, `services/store-driver/src/main.ts deliver`.
 * @returns one line for each fault.
 */
export async function composeFaults({ services, volumes }: Compose, stages: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  const commands = Object.values(services).map(({ command = [] }) => command.slice(1).join(' '));
  for (const stage of stages) if (!commands.includes(stage)) faults.push(`no service runs ${stage}`);
  for (const [name, service] of Object.entries(services)) {
    const own = [...serviceFaults(service, services, Object.keys(volumes)), ...(await environmentFaults(service))];
    faults.push(...own.map((fault) => `${name}: ${fault}`));
  }
  return faults;
}

function serviceFaults(service: Service, services: Compose['services'], volumes: readonly string[]): string[] {
  const faults = [...imageFaults(service.image)];
  const isOnce = service.restart.startsWith('on-failure');
  if (!service.read_only) faults.push('may write to its root file system');
  if (!service.cap_drop.includes('ALL')) faults.push('keeps capabilities');
  if (!service.security_opt.includes('no-new-privileges:true')) faults.push('may gain privileges');
  if ('disable' in service.healthcheck && !isOnce) faults.push('has no health check');
  for (const port of service.ports) if (!port.startsWith('127.0.0.1:')) faults.push(`${port} is open to more than this machine`);
  if (service.command?.[1] === 'services/gateway/src/main.ts') faults.push(...wayInFaults(service));
  for (const other of Object.keys(service.depends_on))
    if (services[other] === undefined) faults.push(`depends on ${other}, which is not there`);
  for (const volume of service.volumes) {
    const [source = ''] = volume.split(':');
    if (source.startsWith('.') ? !existsSync(path.join(folder, source)) : !volumes.includes(source))
      faults.push(`there is no ${source} to mount`);
  }
  if (isStage(service)) {
    const { topology } = service.depends_on;
    if (topology?.condition !== 'service_completed_successfully') faults.push('does not wait for the topology command');
    if (Number(service.stop_grace_period.slice(0, -1)) < 25) faults.push('is killed before it has drained');
  }
  return faults;
}

/** What the gateway listens on and nobody reaches, and submission without the certificate it needs. */
function wayInFaults({ environment, ports, volumes }: Service): string[] {
  const faults: string[] = [];
  const published = ports.map((port) => port.split(':').at(-1));
  for (const [name, port] of Object.entries(environment)) {
    if (!name.endsWith('_PORT') || name === 'ADMIN_PORT' || port === '') continue;
    if (!published.includes(port)) faults.push(`${name} ${port} is not published`);
  }
  const { TLS_CERT: certificate = '', SUBMISSION_PORT: clear = '', SUBMISSIONS_PORT: secured = '' } = environment;
  const isMounted = volumes.some((volume) => certificate.startsWith(`${volume.split(':')[1]}/`));
  if (certificate !== '' && !isMounted) faults.push(`${certificate} is on no volume`);
  if ((clear !== '' || secured !== '') && certificate === '') faults.push('has submission without a certificate');
  return faults;
}

const isStage = ({ command = [] }: Service) => command[1]?.startsWith('services/') ?? false;

async function environmentFaults({ command = [], environment }: Service): Promise<string[]> {
  return serviceEnvironmentFaults(command, environment);
}
