import type { WayOut } from '@mailrail/organization';
import { stationOfWayOut, stations, wayOutStation } from '@mailrail/topology';

/** One Deployment: a service in one of its roles, with the station it takes from. */
export interface Workload {
  /** Of the Deployment and of all that goes with it: `store-driver-deliver`, `connector-smtp-internet`. */
  name: string;
  /** As logs and metrics call it: `store-driver.deliver`, `connectors/smtp.internet`. */
  stage: string;
  service: string; // folder under services/
  role: string | undefined; // first argument of the process
  station: string | undefined; // the gateway takes from none
}

/** `store-driver.deliver` -> `store-driver-deliver`: a name that Kubernetes and a URL take without escapes. */
export function workloadName(stage: string): string {
  return stage.replace(/^connectors\//, 'connector-').replaceAll('.', '-');
}

function workloadOf(stage: string, station: string | undefined): Workload {
  const [, service = stage, role] = /^(.+?)(?:\.([^./]+))?$/.exec(stage) ?? [];
  return { name: workloadName(stage), stage, service, role, station };
}

/** What every line runs: the gateway and the consumer of each station, in the order of the process. */
export const lineWorkloads: readonly Workload[] = [
  workloadOf('gateway', undefined),
  ...Object.entries(stations).map(([station, { takenBy }]) => workloadOf(takenBy, station)),
];

/** One for each way out of an organization file: connectors, and gateways with something behind them. */
export function wayOutWorkloads(ways: readonly WayOut[]): Workload[] {
  return ways.map((way) => workloadOf(stationOfWayOut(way).takenBy, wayOutStation(way)));
}
