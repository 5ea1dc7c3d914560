import { rename, writeFile } from 'node:fs/promises';
import type { Layout } from './layout.ts';
import type { Claimed } from './work-name.ts';

/**
 * Writes what the foreign side is told into OUT: whole under another name first, and named for the claim, so that a repeat writes the same
 * file and a reader never sees half of it.
 */
export async function writeAnswer(layout: Layout, { rootId }: Claimed, answer: Buffer): Promise<void> {
  const draft = layout.path('OUT', `.${rootId}.tmp`);
  await writeFile(draft, answer, { mode: 0o660, flush: true });
  await rename(draft, layout.path('OUT', `${rootId}.api`));
}
