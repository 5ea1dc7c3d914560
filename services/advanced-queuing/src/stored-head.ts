import { type ContentStore, ContentStoreError } from '@mailrail/content-store';

/** Bytes of a stored message, or why there are none: `missing` is a complete answer, `unavailable` is not. */
export type StoredHead = { kind: 'bytes'; bytes: Buffer } | { kind: 'missing' | 'unavailable'; reason: string };

/** The first bytes of a stored form, at most `maxBytes`. */
export async function storedHead(store: Pick<ContentStore, 'head'>, ref: string, maxBytes: number): Promise<StoredHead> {
  try {
    return { kind: 'bytes', bytes: await store.head(ref, maxBytes) };
  } catch (error) {
    return storeFailure(error);
  }
}

/** What a failure of the store means. @throws what is no ContentStoreError: a mistake of ours. */
export function storeFailure(error: unknown): { kind: 'missing' | 'unavailable'; reason: string } {
  if (!(error instanceof ContentStoreError)) throw error;
  return { kind: error.code === 'unavailable' ? 'unavailable' : 'missing', reason: error.message };
}
