import { freePorts } from '@mailrail/testing';
import type { Endpoints } from '../endpoints.ts';
import { type Finding, ok, warn } from './finding.ts';

/** The usual ports: free, ours, or taken by somebody else. */
export async function lookAtPorts(usual: Readonly<Record<string, number>>, line: Endpoints | undefined): Promise<Finding[]> {
  const ours = line === undefined ? new Set<number>() : portsOf(line);
  const findings: string[] = [];
  for (const [name, port] of Object.entries(usual)) {
    if (ours.has(port)) continue;
    const [free] = await freePorts([port]);
    if (free !== port) findings.push(`${name} ${port}`);
  }
  const what = 'ports';
  if (findings.length === 0) return [ok(what, line === undefined ? 'the usual ones are free' : 'those of the running line')];
  return [
    warn(
      what,
      `taken by another program: ${findings.join(', ')}`,
      'others are used instead, see endpoints.json; --port-base N chooses a block',
    ),
  ];
}

function portsOf(line: Endpoints): Set<number> {
  const urls = [
    line.smtp,
    ...(line.lmtp === undefined ? [] : [line.lmtp]),
    line.http,
    line.submission.url,
    ...(line.submissions === undefined ? [] : [line.submissions]),
    line.sink,
    line.siteListener,
    line.amqp,
    line.redis,
    ...(line.management === undefined ? [] : [line.management]),
  ];
  return new Set(urls.map((url) => Number(new URL(url).port)));
}
