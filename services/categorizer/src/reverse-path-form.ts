import { createHash } from 'node:crypto';
import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import type { Content } from '@mailrail/contracts';
import { returnPathField } from '@mailrail/mail';

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
  const writer = store.writer({ rootId, form });
  try {
    await writer.write(first);
    for await (const chunk of store.read(content.ref, { start: content.relayOffset })) {
      if (!(chunk instanceof Uint8Array)) throw new ContentStoreError('invalid', 'the content is no bytes');
      await writer.write(chunk);
    }
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const { ref, sizeBytes, sha256 } = await writer.commit();
  return { ...content, ref, sizeBytes, sha256, relayOffset: first.length };
}
