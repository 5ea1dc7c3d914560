import path from 'node:path';
import type { Organization } from '@mailrail/organization';
import { UsageError } from './options.ts';

/** One stage of the line: what runs and under which name. */
export interface Stage {
  name: string; // service and role: `store-driver.deliver`
  main: string; // the module, absolute
  role: string | undefined; // its first argument
}

const repository = path.join(import.meta.dirname, '..', '..', '..');
const module = (service: string) => path.join(repository, 'services', service, 'src', 'main.ts');

/**
 * What Node itself is told for a stage. A pod is held by its limit; here Node would take what a large machine has. The categorizer,
 * which leaves much behind while it walks a large group, is told to clean up earlier: half the memory for a third more time there.
 * The gateway, too: with 200 sessions 177 MB instead of 250, for no more time that could be measured.
 */
export function nodeOptionsOf({ name }: Stage): string[] {
  if (name === 'gateway') return ['--max-semi-space-size=8'];
  return name === 'categorizer' ? ['--max-semi-space-size=8', '--max-old-space-size=192'] : [];
}

/**
 * Every stage of an organization's line, gateways last in the order of the process: a gateway takes mail when all others are there
 * to carry it. Each connector of the organization file is a stage of its own.
 */
export function stagesOf(connectors: Organization['connectors']): Stage[] {
  const stage = (service: string, role?: string): Stage => ({
    name: role === undefined ? service : `${service}.${role}`,
    main: module(service),
    role,
  });
  return [
    ...connectors.map(({ kind, name }) => stage(`connectors/${kind}`, name)),
    stage('router'),
    stage('store-driver', 'deliver'),
    stage('categorizer'),
    stage('advanced-queuing', 'submit'),
    stage('advanced-queuing', 'report'),
    stage('store-driver', 'transfer'),
    stage('mta'),
    stage('store-driver', 'submit'),
    stage('translator'),
    stage('gateway'),
  ];
}

/**
 * The processes to run: each stage, and `categorizer-2` and so on where more were asked for.
 *
 * @param scale by stage (`store-driver.deliver`) or by service (`store-driver`: all its roles).
 * @throws UsageError for a stage that does not exist, and for more than one gateway: two cannot have the same ports.
 */
export function processesOf(stages: readonly Stage[], scale: ReadonlyMap<string, number>): { name: string; stage: Stage }[] {
  const serviceOf = ({ name }: Stage) => name.replace(/\.[^./]*$/, '');
  for (const [wanted, count] of scale) {
    if (!stages.some((stage) => stage.name === wanted || serviceOf(stage) === wanted)) {
      throw new UsageError(`--scale ${wanted}=${count}: there is no such stage; there are ${stages.map(({ name }) => name).join(', ')}`);
    }
    if (wanted === 'gateway' && count > 1) throw new UsageError('--scale gateway: on one machine only one gateway can have the ports');
  }
  return stages.flatMap((stage) => {
    const count = scale.get(stage.name) ?? scale.get(serviceOf(stage)) ?? 1;
    return Array.from({ length: count }, (_, at) => ({ name: at === 0 ? stage.name : `${stage.name}-${at + 1}`, stage }));
  });
}
