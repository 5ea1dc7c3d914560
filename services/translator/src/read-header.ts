import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import type { Content } from '@mailrail/contracts';
import { type HeaderFacts, headerFacts } from '@mailrail/mail';

/** The part of the content store that is needed to read a header block. */
export type HeaderStore = Pick<ContentStore, 'head'>;

export type HeaderRead =
  | { kind: 'facts'; header: HeaderFacts }
  | { kind: 'unavailable'; reason: string }
  | { kind: 'missing'; reason: string };

/** Nearly every header block ends within this, so that the rest of a large body is not read. */
const firstBytes = 16_384;
/** Beyond the limit: our own lines, which the limit for the sender's header does not count. */
const marginBytes = 4_096;

/**
 * Reads the header block of a stored message: in one piece if it is short, at most its limit if it is long. What lies beyond
 * the limit is not looked at.
 */
export async function readHeader(store: HeaderStore, content: Content, maxHeaderBytes: number): Promise<HeaderRead> {
  try {
    const first = await store.head(content.ref, firstBytes);
    const header = headerFacts(first);
    if (header.headerBytes < first.length || first.length < firstBytes) return { kind: 'facts', header };
    return { kind: 'facts', header: headerFacts(await store.head(content.ref, maxHeaderBytes + marginBytes)) };
  } catch (error) {
    if (!(error instanceof ContentStoreError)) throw error;
    const { code, message: reason } = error;
    return code === 'unavailable' ? { kind: 'unavailable', reason } : { kind: 'missing', reason };
  }
}
