import { readFile } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { type Finding, fail, ok, warn } from './finding.ts';

const gigabyte = 1_073_741_824;

/** Node, memory, processors, open files. */
export async function lookAtMachine(): Promise<Finding[]> {
  return [
    nodeFinding(process.versions.node),
    memoryFinding(freemem(), totalmem()),
    coresFinding(availableParallelism()),
    ...(await openFiles()),
  ];
}

export function nodeFinding(version: string): Finding {
  const major = Number(version.split('.')[0]);
  if (major === 24) return ok('Node', version);
  return fail('Node', `${version}; services are run and tested on 24`, 'use the npm scripts, which bring Node 24 along');
}

/** @param free bytes that could be had now. */
export function memoryFinding(free: number, total: number): Finding {
  const says = `${(free / gigabyte).toFixed(1)} GB free of ${(total / gigabyte).toFixed(1)} GB`;
  if (free >= 1.5 * gigabyte) return ok('memory', says);
  return warn('memory', `${says}; a line takes about 1.3 GB at rest`, 'end something, or run with --processes one (about 0.5 GB)');
}

function coresFinding(cores: number): Finding {
  return cores >= 2 ? ok('processors', String(cores)) : warn('processors', '1', 'it works, slowly; --processes one costs less');
}

async function openFiles(): Promise<Finding[]> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, , hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  if (hard === undefined) return [];
  if (hard === 'unlimited' || Number(hard) >= 4_096) return [ok('open files', `limit ${hard}`)];
  return [warn('open files', `limit ${hard}`, 'raise it (ulimit -n 4096): sessions, queues and mailboxes each need some')];
}
