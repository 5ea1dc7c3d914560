import type { Envelope } from './mail.ts';

/**
 * The places where a plugin may look at or change a mail. Exchange's sinks, typed: accept (OnInboundCommand), submit
 * (OnSubmission), preCategorize, resolve and expand (OnCategorize), categorized (OnPostCategorize), route (OnGetMessageRouter),
 * deliver (StoreDriver), transmit (protocol events outbound), report, track (OnMsgTrackLog).
 */
export const hookPoints = [
  'accept',
  'translate',
  'submit',
  'preCategorize',
  'resolve',
  'expand',
  'categorized',
  'route',
  'deliver',
  'transmit',
  'report',
  'track',
] as const;
export type HookPoint = (typeof hookPoints)[number];

export type HookResult<Value> =
  | { kind: 'continue' }
  | { kind: 'replace'; value: Value }
  | { kind: 'reject'; status: string; reason: string }
  | { kind: 'defer'; delayMs: number; reason: string };

export interface Hooks {
  run<Value>(point: HookPoint, mail: Envelope, value: Value): Promise<HookResult<Value>>;
}

/** A mark an operator has set that meets this mail (R16). */
export type Mark = { action: 'hold' | 'cancel' | 'freeze'; who: string; since: number };
export interface Marks {
  check(mail: Envelope): Mark | undefined;
}

export const noHooks: Hooks = { run: () => Promise.resolve({ kind: 'continue' }) };
export const noMarks: Marks = { check: () => undefined };
