/**
 * Nearest-rank percentile: a value that was really measured.
 *
 * @param share 0.5 for the median, 0.99, ...; 1 for the largest.
 * @returns `undefined` for no values.
 */
export function percentile(values: readonly number[] | Float64Array, share: number): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1];
}

/** Middle value; the mean of the two middle ones for an even number of values. `undefined` for none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.floor(sorted.length / 2)];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** A figure over several repetitions. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** `undefined` when no repetition has the figure. */
export function spread(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter((value) => value !== undefined);
  const middle = median(known);
  return middle === undefined ? undefined : { median: middle, min: Math.min(...known), max: Math.max(...known) };
}

/** Three significant digits at most after the point, none where there are hundreds: what a measurement is worth. */
export function rounded(value: number): number {
  if (Math.abs(value) >= 100) return Math.round(value);
  return Number(value.toPrecision(3));
}
