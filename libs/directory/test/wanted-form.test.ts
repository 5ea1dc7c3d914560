import { describe, expect, test } from '@jest/globals';
import { organizationOf } from '@mailrail/organization';
import { entryOf } from '../src/index.ts';
import { readBy, wantedForm } from '../src/resolve/wanted-form.ts';

const organization = organizationOf({
  messageFormats: [
    { domain: '*', transfer: '7bit' },
    { domain: '*.example', body: 'plain' },
    { domain: 'never.example', richText: 'never' },
    { domain: 'always.example', richText: 'always' },
  ],
}).current();

/** What a contact with these attributes is to get at an address. */
function wanted(address: string, attributes: Record<string, string>) {
  const { entry, warnings } = entryOf('CN=x', new Map(Object.entries(attributes).map(([name, value]) => [name.toLowerCase(), [value]])));
  const way = readBy(entry, { source: { address }, groups: [], reverse: { kind: 'sender' } });
  return { form: wantedForm(address, way.reader, organization), warnings };
}

describe('what an entry and a domain say of the content', () => {
  test.each([
    ['nothing known', 'SMTP:x@else.test', {}, { transfer: '7bit' }],
    ['the closest row counts, and no other', 'SMTP:x@deep.far.example', {}, { without: ['html'] }],
    ['no rich text, by the entry', 'SMTP:x@far.example', { mAPIRecipient: 'FALSE' }, { without: ['tnef', 'html'] }],
    ['rich text is no matter', 'SMTP:x@far.example', { mAPIRecipient: 'TRUE' }, { without: ['html'] }],
    ['the domain never reads it', 'SMTP:x@never.example', { mAPIRecipient: 'TRUE' }, { without: ['tnef'] }],
    ['the domain always reads it', 'SMTP:x@always.example', { mAPIRecipient: 'FALSE' }, undefined],
    // Flags: preference 0x20000, MIME 0x40000, HTML 0x80000, both 0x100000.
    ['flags without a preference', 'SMTP:x@always.example', { internetEncoding: '1310720' }, undefined],
    ['plain text, uuencoded', 'SMTP:x@always.example', { internetEncoding: '131072' }, { without: ['html'] }],
    ['MIME, plain text', 'SMTP:x@always.example', { internetEncoding: '393216' }, { without: ['html'] }],
    ['MIME, HTML', 'SMTP:x@far.example', { internetEncoding: '917504' }, undefined],
    ['MIME, both', 'SMTP:x@far.example', { internetEncoding: '1441792' }, undefined],
    ['no mail domain', 'X400:c=us;a= ;p=Corp', { mAPIRecipient: 'FALSE' }, { without: ['tnef'] }],
  ] as const)('%s', (_name, address, attributes, form) => {
    expect(wanted(address, attributes)).toEqual({ form, warnings: [] });
  });

  test('what is neither wish is told, and none', () => {
    const { form, warnings } = wanted('SMTP:x@always.example', { mAPIRecipient: 'perhaps', internetEncoding: 'text' });
    expect(form).toBeUndefined();
    expect(warnings).toEqual(['mAPIRecipient: neither TRUE nor FALSE', 'internetEncoding: no number']);
  });
});
