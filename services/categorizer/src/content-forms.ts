import { createHash } from 'node:crypto';
import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import type { Content, ContentForm } from '@mailrail/contracts';
import type { Hop, Incoming, WantedForm } from '@mailrail/directory';
import { HeaderFilter, type LeftOut, PartFilter, returnPathField } from '@mailrail/mail';
import type { FormOf } from './copies.ts';

export type FormDeps = Pick<ContentStore, 'read' | 'writer'>;

/** What is different about the content of a copy. */
export interface ContentChange {
  /** Another `Return-Path` line, since mailboxes share the stored bytes (E1). */
  reversePath?: string | null;
  /** Fields that keep programs from answering: a group wishes it so (oOFReplyToOriginator is FALSE). */
  isQuiet?: boolean;
  /** No requests for receipts, or one would name a member of a group that hides its members. */
  withoutReceipts?: boolean;
  without?: readonly LeftOut[];
}

/** Exchange and Dovecot read the first, vacation(1) and Cyrus the second; RFC 3834 §2 has no field that a person's mail may have. */
const quietFields = Buffer.from('X-Auto-Response-Suppress: OOF, AutoReply\r\nPrecedence: list\r\n');
/** RFC 8098 §2.1 and what came before it. */
const receiptFields: ReadonlySet<string> = new Set([
  'disposition-notification-to',
  'return-receipt-to',
  'read-receipt-to',
  'x-confirm-reading-to',
]);

/**
 * The content with a change: a form of its own, named by the change, and by what was changed where that is a form itself. Written
 * once for all copies with the same change; a repeat finds it (R5).
 *
 * @param isForm the content is a form already: the mail came through a group.
 * @throws ContentStoreError
 */
export async function changedContent(
  content: Content,
  change: ContentChange,
  { rootId, isForm, store }: { rootId: string; isForm: boolean; store: FormDeps },
): Promise<Content> {
  const { reversePath, isQuiet = false, withoutReceipts = false, without = [] } = change;
  const returnPath = reversePath === undefined ? undefined : Buffer.from(returnPathField(reversePath));
  const form = [
    ...(returnPath === undefined ? [] : [`reverse-path.${createHash('sha256').update(returnPath).digest('hex').slice(0, 16)}`]),
    ...(isQuiet ? ['quiet'] : []),
    ...(withoutReceipts ? ['no-receipts'] : []),
    ...(without.length === 0 ? [] : ['without', ...without]),
    ...(isForm ? ['of', content.sha256.slice(0, 12)] : []),
  ].join('.');
  const relayOffset = returnPath?.length ?? content.relayOffset;

  const writer = store.writer({ rootId, form });
  const put = async (bytes: readonly Buffer[]) => {
    for (const part of bytes) if (part.length > 0) await writer.write(part);
  };
  try {
    if (returnPath !== undefined) await put([returnPath]);
    else if (content.relayOffset > 0) for await (const chunk of bytesOf(content, store, 0, content.relayOffset)) await put([chunk]);
    if (isQuiet) await put([quietFields]);
    const receipts = withoutReceipts ? new HeaderFilter(receiptFields, new Set()) : undefined;
    const parts = without.length === 0 ? undefined : new PartFilter(without);
    for await (const chunk of bytesOf(content, store, content.relayOffset)) {
      await put(passed(parts, passed(receipts, [chunk])));
    }
    await put([...passed(parts, rest(receipts)), ...rest(parts)]);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const { ref, sizeBytes, sha256 } = await writer.commit();
  return { ...content, ref, sizeBytes, sha256, relayOffset };
}

type Filter = Pick<PartFilter, 'push' | 'end' | 'ended'>;

/** What a filter lets through. */
function passed(filter: Filter | undefined, bytes: readonly Buffer[]): readonly Buffer[] {
  if (filter === undefined || filter.ended) return bytes;
  const kept: Buffer[] = [];
  for (const part of bytes) {
    if (filter.ended) kept.push(part);
    else filter.push(part, (one) => kept.push(one));
  }
  return kept;
}

/** What it still held when the bytes ended. */
function rest(filter: Filter | undefined): readonly Buffer[] {
  const kept: Buffer[] = [];
  if (filter !== undefined && !filter.ended) filter.end((one) => kept.push(one));
  return kept;
}

/** Whether a message asks for receipts. @throws ContentStoreError */
export async function asksForReceipts(content: Content, store: Pick<FormDeps, 'read'>): Promise<boolean> {
  let bytes = 0;
  let kept = 0;
  const filter = new HeaderFilter(receiptFields, new Set());
  const pass = (part: Buffer) => {
    kept += part.length;
  };
  for await (const chunk of bytesOf(content, store, content.relayOffset)) {
    bytes += chunk.length;
    filter.push(chunk, pass);
    if (filter.ended) break;
  }
  if (!filter.ended) filter.end(pass);
  return kept < bytes;
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

async function* bytesOf({ ref }: Content, store: Pick<FormDeps, 'read'>, start = 0, end?: number): AsyncGenerator<Buffer> {
  for await (const chunk of store.read(ref, { start, ...(end === undefined ? {} : { end }) })) {
    if (!(chunk instanceof Uint8Array)) throw new ContentStoreError('invalid', 'the content is no bytes');
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}
