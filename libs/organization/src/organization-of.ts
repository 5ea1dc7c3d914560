import { Organization, type OrganizationInput } from './schema.ts';
import { type OrganizationSource, snapshotOf } from './snapshot.ts';

/** A small organization for tests: corp.example on server EX1 of site london, mail for elsewhere by connector `internet`. */
const small: OrganizationInput = {
  organization: 'Corp',
  site: 'london',
  server: 'EX1',
  servers: [{ name: 'EX1', site: 'london' }],
  domains: [
    { name: 'corp.example', type: 'authoritative' },
    { name: 'relay.example', type: 'relay' },
  ],
  postmaster: 'postmaster@corp.example',
  connectors: [{ name: 'internet', kind: 'smtp', addressSpaces: [{ space: 'SMTP:*' }], smartHosts: ['127.0.0.1:2526'], tls: 'never' }],
};

/**
 * An organization from settings instead of a file, for tests.
 *
 * @param settings what differs from a small complete organization, as it would stand in the file.
 * @throws ZodError when the settings do not fit the schema.
 */
export function organizationOf(settings: Partial<OrganizationInput> = {}): OrganizationSource {
  const snapshot = snapshotOf(Organization.parse({ ...small, ...settings }), 'test');
  return { current: () => snapshot, close: () => {} };
}
