import { factsOf } from './facts.ts';
import type { Workload } from './workloads.ts';

/** On every pod that runs a stage; selectors of network policies, monitors and services of the whole line go by it. */
export const partOfLine = { 'app.kubernetes.io/part-of': 'mailrail' } as const;

/** On the pods that read or write bodies: who gets the volume, or the way to the bucket and its keys. */
export const worksOnBodies = { 'mailrail-bodies': 'needed' } as const;

/** On the pods that ask the directory: who gets the way to its servers, and their password. */
export const asksDirectory = { 'mailrail-directory': 'asked' } as const;

/** What a Deployment selects its pods by: never changes, since a selector cannot. */
export function selectorLabels({ name }: Workload): Record<string, string> {
  return { 'app.kubernetes.io/name': name };
}

export function workloadLabels(workload: Workload): Record<string, string> {
  return {
    ...selectorLabels(workload),
    'app.kubernetes.io/component': workload.service.replace('/', '-'),
    ...partOfLine,
    ...(factsOf(workload.service).bodies ? worksOnBodies : {}),
    ...(factsOf(workload.service).directory ? asksDirectory : {}),
  };
}
