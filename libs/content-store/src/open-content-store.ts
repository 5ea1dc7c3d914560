import { fileURLToPath } from 'node:url';
import { filesystemContentStore } from './filesystem-content-store.ts';
import type { ContentStore } from './port.ts';
import { parseS3Location, type S3Location } from './s3-location.ts';

export type ContentPlace = { kind: 'folder'; directory: string } | { kind: 's3'; location: S3Location };

/**
 * Reads where bodies are: a folder (a path, or `file:///path`), or `s3://bucket/prefix?endpoint=...` (`parseS3Location`).
 *
 * @throws TypeError saying what is wrong.
 */
export function parseContentPlace(text: string): ContentPlace {
  if (text.startsWith('s3:')) return { kind: 's3', location: parseS3Location(text) };
  if (text.startsWith('file://')) return { kind: 'folder', directory: fileURLToPath(text) };
  if (text === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) throw new TypeError('a content store is a folder or s3://bucket');
  return { kind: 'folder', directory: text };
}

/**
 * Opens the content store of a place. The S3 client is loaded only where it is used.
 *
 * @throws TypeError for a place that cannot be read, ContentStoreError `unavailable` when a folder cannot be made.
 */
export async function openContentStore(text: string): Promise<ContentStore> {
  const place = parseContentPlace(text);
  if (place.kind === 'folder') return filesystemContentStore({ directory: place.directory });
  const { s3ContentStore } = await import('./s3-content-store.ts');
  return s3ContentStore({ location: place.location });
}
