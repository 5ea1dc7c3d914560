import { type BundlePart, maxParts } from '@mailrail/foreign';
import { MessageRefused } from '../eml/refusal.ts';
import type { FileName, Layout } from './layout.ts';
import { chunksFrom, isUnchanged, openPlain } from './open-file.ts';

/** The files beside a message file. `missing` names one that is not there yet; `changed`, that one is still written. */
export type PartsRead = { kind: 'parts'; parts: BundlePart[]; files: FileName[] } | { kind: 'missing'; name: string } | { kind: 'changed' };

/**
 * Reads the files in ATT_IN that a message file names. Names are plain ones, as their dialect has seen to; letter case may differ, as
 * it does on the systems they come from. Each is opened as S4 asks: no link, no device, one name.
 *
 * @param maxBytes most bytes of all together.
 * @throws MessageRefused `too-large`, `unsupported-type`; Error of the system.
 */
export async function readParts(
  names: readonly string[],
  { layout, device, maxBytes }: { layout: Layout; device: number; maxBytes: number },
): Promise<PartsRead> {
  if (names.length > maxParts) throw new MessageRefused('too-large', `it names ${names.length} files, and ${maxParts} are allowed`);
  const parts: BundlePart[] = [];
  const files: FileName[] = [];
  let left = maxBytes;
  for (const name of names) {
    const found = await openAnyCase(name, layout, device);
    if (found === undefined) return { kind: 'missing', name };
    const { opened, file } = found;
    try {
      left -= opened.status.size;
      if (left < 0) throw new MessageRefused('too-large', `with the files it names it has more than ${maxBytes} bytes`);
      const chunks = [opened.head];
      for await (const chunk of chunksFrom(opened, opened.head.length)) chunks.push(chunk);
      if (!(await isUnchanged(opened))) return { kind: 'changed' };
      parts.push({ name, bytes: Buffer.concat(chunks) });
      files.push(file);
    } finally {
      await opened.handle.close();
    }
  }
  return { kind: 'parts', parts, files };
}

async function openAnyCase(name: string, layout: Layout, device: number) {
  for (const one of new Set([name, name.toLowerCase(), name.toUpperCase()])) {
    const file = Buffer.from(one).toString('latin1');
    const opened = await openPlain(layout.path('ATT_IN', file), device);
    if (opened !== 'gone') return { opened, file };
  }
  return undefined;
}
