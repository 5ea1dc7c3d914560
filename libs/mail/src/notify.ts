/** Wishes about reports, RFC 3461 §4.1. Absent: the default, failures and delays. */
export type Notify = 'never' | ('success' | 'failure' | 'delay')[];
export type ReportAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

const order = ['success', 'failure', 'delay'] as const;

/** `SUCCESS,FAILURE` or `NEVER`, in any letter case. @returns `undefined` for what is neither, also for `NEVER` with others. */
export function parseNotify(text: string): Notify | undefined {
  const words = text.toLowerCase().split(',');
  if (words.length === 1 && words[0] === 'never') return 'never';
  const known = order.filter((one) => words.includes(one));
  return words.every((word) => order.some((one) => one === word)) ? known : undefined;
}

/** The same wish in one form: each word once, in a fixed order. */
export function normalizedNotify(notify: Notify): Notify {
  return notify === 'never' ? notify : order.filter((one) => notify.includes(one));
}

/** Whether a sender with this wish is told of this (RFC 3461 §5.2, §6). */
export function isWanted(notify: Notify | undefined, action: ReportAction): boolean {
  if (notify === 'never') return false;
  if (action === 'failed') return notify === undefined || notify.includes('failure');
  if (action === 'delayed') return notify === undefined || notify.includes('delay');
  return notify?.includes('success') === true;
}
