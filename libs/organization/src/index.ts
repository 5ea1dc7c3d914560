export * from './schema.ts';

import type { Organization } from './schema.ts';

/** The organization a service works with now; replaced whole when the file changes and is valid. */
export interface OrganizationSource {
  current(): OrganizationSnapshot;
  close(): void;
}
export interface OrganizationSnapshot {
  settings: Organization;
  version: string; // digest of the file, first 12 hex digits
  hostname: string;
  /** The domain's row, or undefined for a foreign one. */
  domain(name: string): { name: string; type: 'authoritative' | 'shared' | 'relay' } | undefined;
}
