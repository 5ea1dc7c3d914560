import { connectorStation, queueName, scalingTarget, stations } from '@mailrail/topology';
import { markdownTable } from '../table.ts';
import type { Costs } from './costs.ts';
import { judge, type Verdict } from './judge.ts';
import type { Rule } from './rules.ts';
import type { Shape } from './shapes.ts';
import type { Sample } from './simulate.ts';

const whole = (value: number) => String(Math.round(value));

/** Pods and the age of the oldest mail over time, a row every so many seconds, a column for each station: `pods age`. */
export function timeTable(samples: readonly Sample[], everySeconds = 60): string {
  const names = Object.keys(samples[0]?.stations ?? {});
  const columns = ['s', 'mails/s', 'waiting', 'cores', ...names.map((name) => queueName(name))].map((title) => ({
    title,
    align: 'right' as const,
  }));
  const rows = samples
    .filter(({ at }) => at % everySeconds === 0)
    .map(({ at, arriving, waiting, cpuCores, stations: all }) => [
      String(at),
      whole(arriving),
      whole(waiting),
      cpuCores.toFixed(1),
      ...names.map((name) => `${all[name]?.pods ?? 0} pods ${whole(all[name]?.oldestSeconds ?? 0)} s`),
    ]);
  return markdownTable(columns, rows);
}

/** The same as CSV (RFC 4180), a row every five seconds. */
export function csv(samples: readonly Sample[], everySeconds = 5): string {
  const names = Object.keys(samples[0]?.stations ?? {});
  const head = ['seconds', 'arriving_per_second', 'ended_per_second', 'mails_waiting', 'cpu_cores'];
  const rows = samples
    .filter(({ at }) => at % everySeconds === 0)
    .map(({ at, arriving, ended, waiting, cpuCores, stations: all }) => [
      ...[at, arriving, ended, waiting].map(whole),
      cpuCores.toFixed(2),
      ...names.flatMap((name) => [all[name]?.pods ?? 0, all[name]?.waiting ?? 0, all[name]?.oldestSeconds ?? 0].map(whole)),
    ]);
  return [[...head, ...names.flatMap((name) => [`${name} pods`, `${name} waiting`, `${name} oldest_seconds`])], ...rows]
    .map((row) => `${row.join(',')}\r\n`)
    .join('');
}

/** Every rule under every shape. */
export function verdictTable(runs: readonly { shape: Shape; rule: Rule; samples: readonly Sample[] }[]): string {
  const columns = ['load', 'rule', 'oldest mail s', 'where', 'most pods', 'pod minutes', 'swings', 'calm after s'].map((title) => ({
    title,
    align: title === 'load' || title === 'rule' || title === 'where' ? ('left' as const) : ('right' as const),
  }));
  return markdownTable(
    columns,
    runs.map(({ shape, rule, samples }) => [shape.name, rule.name, ...cells(judge(shape, samples))]),
  );
}

function cells(verdict: Verdict): string[] {
  const { oldestSeconds, oldestAt, mostPods, podMinutes, swings, calmSeconds } = verdict;
  return [
    whole(oldestSeconds),
    oldestSeconds > 0 ? queueName(oldestAt) : '',
    whole(mostPods),
    whole(podMinutes),
    whole(swings),
    calmSeconds === undefined ? 'never' : whole(calmSeconds),
  ];
}

/** What a pod is counted to take at each station, what that costs, and what it must be given to be able to. */
export function targetTable({ mailMs }: Costs): string {
  const rows = Object.entries({ ...stations, [connectorStation('internet')]: { takenBy: 'connectors/smtp.internet' } });
  const columns = ['queue', 'stage', 'CPU ms a mail', 'mails/s a pod', 'cores that takes', 'oldest mail s', 'pods'].map((title, at) => ({
    title,
    align: at < 2 ? ('left' as const) : ('right' as const),
  }));
  return markdownTable(
    columns,
    rows.map(([station, { takenBy }]) => {
      const { mailsPerSecond, ageSeconds, minPods, maxPods } = scalingTarget(station);
      const ms = mailMs[takenBy] ?? 0;
      return [
        queueName(station),
        takenBy,
        ms.toFixed(2),
        whole(mailsPerSecond),
        ((ms * mailsPerSecond) / 1_000).toFixed(2),
        whole(ageSeconds),
        `${minPods} to ${maxPods}`,
      ];
    }),
  );
}
