import type { CountField } from '@mailrail/ledger';

const cameIn = ['accepted', 'members', 'reports'] as const satisfies readonly CountField[];
const endedAs = [
  'delivered',
  'handedOver',
  'failed',
  'cancelled',
  'expanded',
  'merged',
  'suppressed',
  'badmail',
] as const satisfies readonly CountField[];

/**
 * The two sides of E5, in recipients.
 *
 * @returns `open`: those that came in and are in no end state: they wait, or are held. Below zero is a fault of counting.
 */
export function balance(counts: Partial<Record<CountField, number>>) {
  const side = <Field extends CountField>(fields: readonly Field[]) =>
    Object.fromEntries(fields.map((field) => [field, counts[field] ?? 0]));
  const came = side(cameIn);
  const ended = side(endedAs);
  const sum = (fields: Record<string, number>) => Object.values(fields).reduce((total, count) => total + count, 0);
  return { came, ended, open: sum(came) - sum(ended) };
}
