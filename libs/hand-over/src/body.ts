import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import type { Content } from '@mailrail/contracts';
import { type Conversion, converted } from './convert-8bit.ts';
import { convertedBinary } from './convert-binary.ts';

/** The bytes of one mail on their way out: in one piece when small, else chunk by chunk from the store. */
export type Body = { kind: 'bytes'; bytes: Buffer } | { kind: 'chunks'; open: () => AsyncIterable<Uint8Array> };

/** Up to this size a body is read in one go; the store does it in one call. */
export const smallBodyBytes = 65_536;

/** What is relayed: the stored form without its own first line (E1). @throws ContentStoreError for a small body that cannot be read. */
export async function relayedBody(store: ContentStore, content: Content): Promise<Body> {
  const { ref, sizeBytes, relayOffset } = content;
  if (sizeBytes > smallBodyBytes)
    return { kind: 'chunks', open: () => counted(store.read(ref, { start: relayOffset }), relayedBytes(content)) };
  const bytes = await store.head(ref, sizeBytes);
  if (bytes.length !== sizeBytes) throw tooShort();
  return { kind: 'bytes', bytes: relayOffset === 0 ? bytes : bytes.subarray(relayOffset) };
}

/** Bytes a peer gets to see, before dots are doubled. */
export function relayedBytes({ sizeBytes, relayOffset }: Content): number {
  return sizeBytes - relayOffset;
}

/** The same as quoted-printable, never more than a chunk of it in memory. */
export function convertedBody(store: ContentStore, content: Content, plan: Conversion): Body {
  const start = content.relayOffset + plan.bodyStart;
  return { kind: 'chunks', open: () => converted(plan, counted(store.read(content.ref, { start }), content.sizeBytes - start)) };
}

/** The same for a binary message: every part encoded that is not yet. */
export function convertedBinaryBody(store: ContentStore, content: Content): Body {
  const { ref, relayOffset } = content;
  return { kind: 'chunks', open: () => convertedBinary(counted(store.read(ref, { start: relayOffset }), relayedBytes(content))) };
}

/** A body that ends early must not be sent as if it were whole. */
async function* counted(chunks: AsyncIterable<Uint8Array>, expectedBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    yield chunk;
  }
  if (bytes !== expectedBytes) throw tooShort();
}

function tooShort(): ContentStoreError {
  return new ContentStoreError('unavailable', 'the stored body has not the size its envelope says');
}
