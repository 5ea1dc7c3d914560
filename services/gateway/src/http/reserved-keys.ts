import type { Problem } from './schemas.ts';

/** Keys that mean an object's own machinery in JavaScript: who reads on with them may write where nobody should. */
const reserved: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const most = 100;

/**
 * Keys of a parsed JSON value that no field may have, at any depth. Schemas drop some of them in silence, and a client must know that
 * what it sent is not what was taken.
 *
 * @param value as `JSON.parse` gives it, bounded in its number of values.
 * @returns one entry for each, the first hundred.
 */
export function reservedKeys(value: unknown): NonNullable<Problem['errors']> {
  const found: NonNullable<Problem['errors']> = [];
  const open: { value: object; at: string }[] = []; // no recursion: a text may be thousands deep
  const visit = (inner: unknown, at: string): void => {
    if (typeof inner === 'object' && inner !== null) open.push({ value: inner, at });
  };
  visit(value, '');
  for (let next = open.pop(); next !== undefined && found.length < most; next = open.pop()) {
    for (const [key, inner] of Object.entries(next.value)) {
      const at = `${next.at}/${pointerStep(key)}`;
      if (reserved.has(key)) found.push({ detail: `"${key}" cannot be a key here`, pointer: at.slice(0, 200) });
      visit(inner, at);
    }
  }
  return found;
}

/** One step of a JSON pointer (RFC 6901 §3). */
export function pointerStep(key: PropertyKey): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1');
}
