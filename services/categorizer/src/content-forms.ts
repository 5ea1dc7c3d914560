import { createHash } from 'node:crypto';
import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import type { Content, ContentForm } from '@mailrail/contracts';
import type { Hop, Incoming, WantedForm } from '@mailrail/directory';
import { type LeftOut, PartFilter, returnPathField } from '@mailrail/mail';
import type { FormOf } from './copies.ts';

export type FormDeps = Pick<ContentStore, 'read' | 'writer'>;

/**
 * The content with another `Return-Path` line: a form of its own, since mailboxes share the stored bytes (E1). Written once for
 * each reverse-path of a message; a repeat finds it (R5).
 *
 * @throws ContentStoreError
 */
export async function withReversePath(content: Content, rootId: string, sender: string | null, store: FormDeps): Promise<Content> {
  const first = Buffer.from(returnPathField(sender));
  const form = `reverse-path.${createHash('sha256').update(first).digest('hex').slice(0, 16)}`;
  const written = await writeForm({ rootId, form }, store, async (write) => {
    await write(first);
    for await (const chunk of bytesOf(content, store, content.relayOffset)) await write(chunk);
  });
  return { ...content, ...written, relayOffset: first.length };
}

/** The content without parts that some recipients cannot read, as `withReversePath` a form of its own. @throws ContentStoreError */
export async function withoutParts(content: Content, rootId: string, without: readonly LeftOut[], store: FormDeps): Promise<Content> {
  const written = await writeForm({ rootId, form: `without.${without.join('.')}` }, store, async (write) => {
    const filter = new PartFilter(without);
    let kept: Buffer[] = [];
    const flush = async () => {
      for (const part of kept) await write(part);
      kept = [];
    };
    const keep = (part: Buffer) => kept.push(part);
    for await (const chunk of bytesOf(content, store)) {
      filter.push(chunk, keep);
      await flush();
    }
    filter.end(keep);
    await flush();
  });
  return { ...content, ...written };
}

/**
 * Which forms the recipients outside need. A message is read for it only if somebody there cannot read everything, and no further
 * than to where it is clear; a form that would leave out nothing is none, so that nobody gets a mail of his own for it.
 *
 * @throws ContentStoreError
 */
export async function formsFor(
  hops: readonly Pick<Hop<Incoming>, 'form'>[],
  content: Content,
  store: Pick<FormDeps, 'read'>,
): Promise<FormOf> {
  const sets = new Map(hops.flatMap(({ form }) => (form?.without === undefined ? [] : [[form.without.join(), form.without] as const])));
  const found = new Map<string, LeftOut[]>();
  for (const [key, without] of sets) found.set(key, await leftOutBy(without, content, store));
  return ({ without = [], transfer }: WantedForm): ContentForm | undefined => {
    const left = found.get(without.join()) ?? [];
    const isConverted = transfer !== undefined && content.body !== '7bit';
    if (left.length === 0 && !isConverted) return undefined;
    return { ...(left.length === 0 ? {} : { without: left }), ...(isConverted ? { transfer } : {}) };
  };
}

async function leftOutBy(without: readonly LeftOut[], content: Content, store: Pick<FormDeps, 'read'>): Promise<LeftOut[]> {
  const filter = new PartFilter(without);
  for await (const chunk of bytesOf(content, store)) {
    filter.push(chunk, () => {});
    if (filter.ended || without.every((one) => filter.leftOut[one] > 0)) break;
  }
  filter.end(() => {});
  return without.filter((one) => filter.leftOut[one] > 0);
}

async function* bytesOf({ ref }: Content, store: Pick<FormDeps, 'read'>, start = 0): AsyncGenerator<Buffer> {
  for await (const chunk of store.read(ref, { start })) {
    if (!(chunk instanceof Uint8Array)) throw new ContentStoreError('invalid', 'the content is no bytes');
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

type Write = (bytes: Uint8Array) => Promise<void> | undefined;

async function writeForm(
  key: { rootId: string; form: string },
  store: Pick<FormDeps, 'writer'>,
  fill: (write: Write) => Promise<void>,
): Promise<Pick<Content, 'ref' | 'sizeBytes' | 'sha256'>> {
  const writer = store.writer(key);
  try {
    await fill((bytes) => writer.write(bytes));
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const { ref, sizeBytes, sha256 } = await writer.commit();
  return { ref, sizeBytes, sha256 };
}
