import { placeOfRef } from './layout.ts';

/**
 * Names of objects: `<prefix>bodies/2026-03-01T09/41/<ref>` by the time in the identity, so that a listing is in order of age, and
 * `<prefix>held/<ref>`, which neither a lifecycle rule for `bodies/` nor a sweep reaches.
 */
export interface S3Keys {
  readonly body: (ref: string) => string; // @throws ContentStoreError `invalid`
  readonly held: (ref: string) => string; // @throws ContentStoreError `invalid`
  readonly bodies: string;
  readonly probe: string;
  readonly conditional: string; // what a server is asked about conditional writes with
}

export function s3Keys(prefix: string): S3Keys {
  return {
    body(ref) {
      const place = placeOfRef(ref);
      return `${prefix}bodies/${place.folder}/${place.ref}`;
    },
    held: (ref) => `${prefix}held/${placeOfRef(ref).ref}`,
    bodies: `${prefix}bodies/`,
    probe: `${prefix}probe`,
    conditional: `${prefix}conditional`,
  };
}
