import type { GatewaySettings, Organization } from './schema.ts';

const dayMs = 86_400_000;
const submissionHoldMs = 3 * dayMs; // over a weekend
type Settings = Pick<Organization, 'contentRetention' | 'gateways' | 'schedule'>;
type Listener = Pick<GatewaySettings & { kind: 'smtp' }, 'listener' | 'maxHold'>;

/**
 * How long a listener lets mail be held (RFC 4865), milliseconds; 0 means not at all. Never so long that the body of a mail could be
 * swept while it waits (R13).
 */
export function maxHoldMs({ listener, maxHold }: Listener, { contentRetention, schedule }: Settings): number {
  const wanted = maxHold ?? (listener === 'submission' ? submissionHoldMs : 0);
  return contentRetention === undefined ? wanted : Math.max(0, Math.min(wanted, contentRetention - schedule.expireAfter - dayMs));
}

/** How long a body is kept, milliseconds: as long as its mail may be held and then live, and a day (R13). */
export function contentRetentionMs(settings: Settings): number {
  const { contentRetention, gateways, schedule } = settings;
  if (contentRetention !== undefined) return contentRetention;
  const listeners = gateways.flatMap((gateway): Listener[] => (gateway.kind === 'smtp' ? [gateway] : []));
  // A submission listener the file does not name holds as long as one by default.
  const all = listeners.some(({ listener }) => listener === 'submission') ? listeners : [...listeners, { listener: 'submission' as const }];
  return Math.max(...all.map((listener) => maxHoldMs(listener, settings))) + schedule.expireAfter + dayMs;
}
