import type { HookResult } from '@mailrail/contracts';
import { type Outcome, permanent, transient } from './outcome.ts';

/** The outcome where a hook has decided; `undefined` where the stage goes on, with what the hook put in its place or as it was. */
export function decidedBy<Value>(result: HookResult<Value>): Outcome | undefined {
  if (result.kind === 'reject') return permanent(result.reason, result.status);
  if (result.kind === 'defer') return transient(result.reason, { delayMs: result.delayMs, countAttempt: false });
  return undefined;
}
