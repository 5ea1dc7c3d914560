import type { ArrivalCounter } from './arrivals.ts';
import { type Audit, startAudit } from './audit.ts';
import type { Generator } from './generator/generator.ts';
import { maildirCounter } from './maildir-counter.ts';
import type { Load } from './measure.ts';
import type { People } from './people.ts';
import { sinkCounter } from './sink-counter.ts';
import type { Summary } from './summary.ts';
import type { Sink, System } from './system.ts';
import { limitMs, messageBytes, quietMs, type Workload } from './workloads.ts';

/** Everything a run needs to know. */
export interface Plan {
  systems: readonly System[]; // measured in turn
  people: People;
  sink: Sink | undefined; // to which all of them relay
  workloads: readonly Workload[];
  count: number | undefined;
  repetitions: number;
  generator: Generator;
  dir: string; // for the watcher's own folders
  clean: boolean;
  say: (text: string) => void;
  /** Called when a workload is through. */
  onSummaries: (summaries: readonly Summary[]) => void;
}

/** One system and what counts its mail. */
export interface Subject {
  system: System;
  counters: Readonly<Record<Workload['to'], ArrivalCounter | undefined>>;
  audit: Audit;
  abandoned: boolean; // it did not finish a workload in time, nor in the time after it
}

export function subjectOf(system: System, { people, sink }: Plan): Subject {
  const boxes = (addresses: readonly string[]) => maildirCounter(addresses.map(system.newFolder));
  return {
    system,
    audit: startAudit(),
    abandoned: false,
    counters: {
      users: boxes(people.users),
      relayed: sink === undefined ? undefined : sinkCounter(sink.list),
      group: people.group === undefined ? undefined : boxes(people.group.members),
    },
  };
}

/** What counts this workload's mail, or why it cannot be measured. */
export function counterFor({ to }: Workload, { counters, abandoned }: Subject): ArrivalCounter | string {
  if (abandoned) return 'an earlier workload did not end';
  return counters[to] ?? (to === 'relayed' ? 'there is no sink whose list can be read' : 'no group was given (--group, --members)');
}

/** @param count mails; by default those of the plan or the workload. One for each recipient when it is `each`. */
export function loadOf(workload: Workload, { system }: Subject, { people, count: wanted }: Plan, count?: 'each'): Load {
  const { to, sessions, reuse, tls = false, perSecond } = workload;
  const group = people.group ?? { address: '', members: [] };
  const members = group.members.map(system.newFolder);
  const recipients = to === 'users' ? people.users : to === 'relayed' ? people.relayed : [group.address];
  return {
    recipients,
    placesOf: (recipient) => (to === 'users' ? [system.newFolder(recipient)] : to === 'relayed' ? [recipient] : members),
    count: count === 'each' ? recipients.length : countOf(workload, wanted),
    sessions,
    reuse,
    tls,
    perSecond,
    messageBytes,
    limitMs,
    quietMs,
  };
}

/** Mails of a repetition. What is paced takes its time for each mail, so it is never longer than by itself; a group gets one mail. */
export function countOf({ to, count, perSecond }: Workload, wanted: number | undefined): number {
  if (wanted === undefined || to === 'group') return count;
  return perSecond === undefined ? wanted : Math.min(wanted, count);
}
