import { createHash, type Hash } from 'node:crypto';

/** A digest of a request: what was asked for, then the bytes of its body. */
export function requestDigest(operation: string, words: Readonly<Record<string, unknown>>): Hash {
  const sorted = Object.entries(words).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(`${JSON.stringify([operation, sorted])}\n`);
}
