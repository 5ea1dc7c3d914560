import { createHash } from 'node:crypto';

/**
 * The suffix kustomize gives the name of a generated ConfigMap or Secret, so that another content is another object: ten characters
 * of the SHA-256 of its kind and data (the name enters empty), with some letters replaced so that it spells no words.
 */
export function nameSuffix(kind: 'ConfigMap' | 'Secret', data: Readonly<Record<string, string>>): string {
  const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
  const type = kind === 'Secret' ? { type: 'Opaque' } : {};
  const hex = createHash('sha256')
    .update(goJson({ data: sorted, kind, name: '', ...type }))
    .digest('hex')
    .slice(0, 10);
  const letters: Record<string, string> = { 0: 'g', 1: 'h', 3: 'k', a: 'm', e: 't' };
  return hex.replaceAll(/[013ae]/g, (letter) => letters[letter] ?? letter);
}

/** JSON as Go writes it: these characters are always escaped. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
