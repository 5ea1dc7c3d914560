import { expect, test } from '@jest/globals';
import { organizationOf } from '@mailrail/organization';
import {
  type Directory,
  directoryDown,
  directoryOf,
  type EntryInput,
  recipientStanding,
  type RecipientStanding,
  resolveRecipients,
} from '../src/index.ts';

const organization = organizationOf({
  domains: [
    { name: 'corp.example', type: 'authoritative' },
    { name: 'old.example', type: 'authoritative' },
    { name: 'shared.example', type: 'shared' },
    { name: 'relay.example', type: 'relay' },
  ],
}).current();

const ada = 'ada@corp.example';
const postmaster = 'postmaster@corp.example';
const contact: EntryInput = { kind: 'contact', primary: 'SMTP:partner@corp.example', targetAddress: 'SMTP:partner@remote.example' };
const closedGroup: EntryInput = {
  kind: 'group',
  primary: 'SMTP:team@corp.example',
  members: [],
  restrictions: { requireAuthentication: true, maxReceiveKb: 1 },
};
const faxOwner: EntryInput = { primary: 'SMTP:fay@corp.example', addresses: ['SMTP:fay@corp.example', 'FAX:+49 89'] };

interface Row {
  name: string;
  entries?: (string | EntryInput)[];
  directory?: Directory;
  to: string;
  trusted?: boolean;
  is: RecipientStanding;
}
const rows: Row[] = [
  { name: 'a mailbox', entries: [ada], to: ada, is: 'known' },
  { name: 'a mailbox in other letters', entries: [ada], to: 'ADA@Corp.Example', is: 'known' },
  { name: 'nobody in a domain that is all ours', entries: [ada], to: 'nobody@corp.example', is: 'unknown' },
  { name: 'a contact', entries: [contact], to: 'partner@corp.example', is: 'known' },
  { name: 'a group that would refuse the mail is known all the same', entries: [closedGroup], to: 'team@corp.example', is: 'known' },
  { name: 'two who have one address', entries: [ada, { primary: `SMTP:${ada}`, dn: 'CN=other' }], to: ada, is: 'known' },
  { name: 'nobody in a shared domain', to: 'x@shared.example', is: 'known' },
  { name: 'a relayed domain', to: 'x@relay.example', is: 'known' },
  { name: 'another system', to: 'x@elsewhere.example', is: 'known' },
  { name: 'postmaster without a domain', entries: [postmaster], to: 'postmaster', is: 'known' },
  { name: 'postmaster of another domain of ours', entries: [postmaster], to: 'Postmaster@old.example', is: 'known' },
  { name: 'postmaster of a shared domain', entries: [postmaster], to: 'postmaster@shared.example', is: 'known' },
  { name: 'postmaster of a relayed domain', entries: [postmaster], to: 'postmaster@relay.example', is: 'known' },
  { name: 'a postmaster who is nobody', to: 'postmaster@old.example', is: 'unknown' },
  { name: 'an encapsulated address somebody has', entries: [faxOwner], to: 'IMCEAFAX-+2B49+2089@corp.example', is: 'known' },
  { name: 'an encapsulated address from outside that nobody has', to: 'IMCEAFAX-+2B50@corp.example', is: 'unknown' },
  { name: 'the same from inside goes on to the fax gateway', to: 'IMCEAFAX-+2B50@corp.example', trusted: true, is: 'known' },
  { name: 'the directory is down', directory: directoryDown, to: 'nobody@corp.example', is: 'unanswered' },
];

test.each(rows)('$name', async ({ entries = [], directory = directoryOf(entries), to, trusted = false, is }) => {
  expect(await recipientStanding(`SMTP:${to}`, trusted, { directory, organization })).toBe(is);
});

// One truth in two places: whoever is told 550 at RCPT would have had a report with 5.1.1, and the other way round.
test.each(rows.filter(({ directory }) => directory === undefined))('the categorizer says the same: $name', async (row) => {
  const { entries = [], to, trusted = false, is } = row;
  const resolution = await resolveRecipients(
    { sender: null, recipients: [{ address: `SMTP:${to}` }], sizeBytes: 1, trusted, report: true, expandedVia: [] },
    { directory: directoryOf(entries), organization },
  );
  if (resolution.kind !== 'resolved') throw new Error(resolution.kind);
  expect(resolution.reports.some(({ status }) => status === '5.1.1')).toBe(is === 'unknown');
});
