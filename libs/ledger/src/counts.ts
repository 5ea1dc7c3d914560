/** Recipients that came in: accepted at an edge, added by a group or a redirection, addressed by a report of ours. */
export const cameIn = ['accepted', 'members', 'reports'] as const;
/** Recipients that came to an end. */
export const endedAs = ['delivered', 'handedOver', 'failed', 'cancelled', 'expanded', 'merged', 'suppressed', 'badmail'] as const;

export type CountField = (typeof cameIn)[number] | (typeof endedAs)[number];
export type Counts = Partial<Record<CountField, number>>;

/** Whether a field of a hash in Redis is a count: it may be one of another version. */
export function isCountField(text: string): text is CountField {
  return [...cameIn, ...endedAs].some((field) => field === text);
}

/**
 * The two sides of E5, in recipients.
 *
 * @returns `open`: those that came in and are in no end state: they wait, or are held. Below zero is a fault of counting.
 */
export function balance(counts: Counts) {
  const side = <Field extends CountField>(fields: readonly Field[]) =>
    Object.fromEntries(fields.map((field) => [field, counts[field] ?? 0]));
  const came = side(cameIn);
  const ended = side(endedAs);
  const sum = (fields: Record<string, number>) => Object.values(fields).reduce((total, count) => total + count, 0);
  return { came, ended, open: sum(came) - sum(ended) };
}
