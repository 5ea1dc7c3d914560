import { describe, expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { AcceptedMail, contractOf, noHooks, TransferMail } from '@mailrail/contracts';
import { directoryOf, membershipIn } from '@mailrail/directory';
import { memoryLedger } from '@mailrail/ledger';
import { noHeader } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import { mailTo } from '@mailrail/testing';
import { categorize } from '../src/categorize.ts';

const organization = organizationOf({
  domains: [
    { name: 'corp.example', type: 'authoritative' },
    { name: 'acme.example', type: 'relay' },
  ],
  gateways: [
    { name: 'gwapi', kind: 'folder', dialect: 'gwapi', addressSpaces: [{ space: 'GWISE:*' }] },
    { name: 'notes', kind: 'folder', dialect: 'eml', addressSpaces: [{ space: 'NOTES:*' }, { space: 'X400:*' }] },
    { name: 'plant', kind: 'folder', dialect: 'bsmtp', addressSpaces: [{ space: 'SMTP:silo.example' }] },
    { name: 'msmail', kind: 'folder', dialect: 'ffapi', addressSpaces: [{ space: 'MS:*' }] },
  ],
  addressTemplates: [{ foreign: 'GWISE:ACME.PO1.%m', internet: 'SMTP:%m@acme.example' }],
}).current();
const contact = (name: string, targetAddress: string) => ({
  primary: `SMTP:${name}@corp.example`,
  kind: 'contact' as const,
  dn: `CN=${name},OU=Corp`,
  targetAddress,
});
const directory = directoryOf([
  'ada@corp.example',
  contact('bo', 'GWISE:ACME.PO1.BO'),
  contact('di', 'GWISE:ACME.PO1.DI'),
  contact('nora', 'NOTES:Nora Ex/Ops/Acme@DOM'),
  contact('max', 'MS:NET/PO1/MAX'),
  contact('xenia', 'X400:c=XX;a= ;p=Acme;s=Ex;'),
  contact('fax', 'FAX:+49 30 5550100'),
  {
    primary: 'SMTP:all@corp.example',
    kind: 'group',
    dn: 'CN=all,OU=Corp',
    members: ['CN=ada,OU=Corp', 'CN=bo,OU=Corp', 'CN=nora,OU=Corp'],
  },
]);

async function routes(
  to: string[],
  more: Partial<AcceptedMail> = {},
): Promise<{ lines: string[]; gatewayMails: TransferMail[]; counts: unknown }> {
  const mail = AcceptedMail.schema.parse({ ...mailTo(to), header: noHeader, storedAt: 7, renderedAt: 8, submittedAt: 9, ...more });
  const ledger = memoryLedger();
  const content = memoryContentStore();
  const deps = {
    directory,
    membership: membershipIn(directory),
    organization,
    ledger,
    content,
    hooks: noHooks,
    now: 1_000,
    possibleDuplicate: () => {},
  };
  const outcome = await categorize(mail, deps);
  if (outcome.kind !== 'done') return { lines: [`${outcome.kind}: ${outcome.reason}`], gatewayMails: [], counts: {} };
  const gatewayMails: TransferMail[] = [];
  const lines = outcome.emits.map((emit) => {
    if (emit.kind !== 'mail') throw new Error('nothing waits here');
    const parsed = contractOf(emit.station).schema.parse(emit.mail) as { about?: { status: string }[] };
    const people = emit.mail.recipients.map(({ address }) => address).join(' ');
    if (emit.station === 'mta') gatewayMails.push(TransferMail.schema.parse(emit.mail));
    const where =
      emit.station === 'mta' ? `gateway ${TransferMail.schema.parse(emit.mail).gateway ?? '?'}` : emit.station.replace(/^.*\./, '');
    return `${where}: ${people}${parsed.about === undefined ? '' : ` ${parsed.about.map(({ status }) => status).join()}`}`;
  });
  return { lines: lines.toSorted(), gatewayMails, counts: await ledger.counts() };
}

const inside = { gateway: 'submission', dialect: 'smtp', at: 1, authenticated: true, trust: 'inside' as const };
const outside = { ...inside, gateway: 'smtp', authenticated: false, trust: 'outside' as const };

describe('where recipients behind a foreign system go', () => {
  const rows: { name: string; to: string[]; from?: Partial<AcceptedMail>; routed: string[] }[] = [
    { name: 'a contact with a GWISE target', to: ['bo@corp.example'], routed: ['gateway gwapi: GWISE:ACME.PO1.BO'] },
    { name: 'NOTES', to: ['nora@corp.example'], routed: ['gateway notes: NOTES:Nora Ex/Ops/Acme@DOM'] },
    { name: 'MS', to: ['max@corp.example'], routed: ['gateway msmail: MS:NET/PO1/MAX'] },
    { name: 'X400', to: ['xenia@corp.example'], routed: ['gateway notes: X400:c=XX;a= ;p=Acme;s=Ex;'] },
    { name: 'a type no gateway is for goes to the router', to: ['fax@corp.example'], routed: ['post-categorization: FAX:+49 30 5550100'] },
    {
      name: 'a contact is reached from outside, too',
      to: ['bo@corp.example'],
      from: { origin: outside },
      routed: ['gateway gwapi: GWISE:ACME.PO1.BO'],
    },
    {
      name: 'a reply to a foreign sender, from inside',
      to: ['IMCEAGWISE-A+2EB+2Ec@corp.example'],
      routed: ['gateway gwapi: GWISE:A.B.c'],
    },
    {
      name: 'the same from outside is no way to other systems',
      to: ['IMCEAGWISE-A+2EB+2Ec@corp.example'],
      from: { origin: outside },
      routed: ['reports: SMTP:IMCEAGWISE-A+2EB+2Ec@corp.example 5.1.1'],
    },
    {
      name: 'a reply to an address of a template',
      to: ['bko@acme.example'],
      from: { origin: outside },
      routed: ['gateway gwapi: GWISE:ACME.PO1.bko'],
    },
    {
      name: 'a report to a foreign sender',
      to: ['IMCEAMS-NET_PO1_BO@corp.example'],
      from: { sender: null, origin: { ...inside, gateway: 'aq', dialect: 'report' } },
      routed: ['gateway msmail: MS:NET/PO1/BO'],
    },
    {
      name: 'an Internet domain behind a gateway',
      to: ['ops@silo.example', 'x@remote.example'],
      routed: ['gateway plant: SMTP:ops@silo.example', 'post-categorization: SMTP:x@remote.example'],
    },
    {
      name: 'a group is split by where its members are',
      to: ['all@corp.example', 'di@corp.example'],
      routed: [
        'gateway gwapi: GWISE:ACME.PO1.DI GWISE:ACME.PO1.BO',
        'gateway notes: NOTES:Nora Ex/Ops/Acme@DOM',
        'local-delivery: SMTP:ada@corp.example',
      ],
    },
    {
      name: 'from the same gateway to a contact behind it is a way',
      to: ['di@corp.example'],
      from: { origin: { ...inside, gateway: 'gwapi', dialect: 'gwapi' } },
      routed: ['gateway gwapi: GWISE:ACME.PO1.DI'],
    },
  ];
  test.each(rows)('$name', async ({ to, from = { origin: inside }, routed }) => {
    const { lines } = await routes(to, { origin: inside, ...from });
    expect(lines).toEqual(routed);
  });

  test('what came by a gateway and is known to nobody does not go round', async () => {
    const mail = AcceptedMail.schema.parse({ ...mailTo(['x@corp.example']), header: noHeader, renderedAt: 8, submittedAt: 9 });
    const recipients = mail.recipients.map((one) => ({ ...one, address: 'GWISE:ACME.PO1.NOBODY', original: 'GWISE:acme.po1.nobody' }));
    const { lines } = await routes([], { recipients, origin: { ...inside, gateway: 'gwapi', dialect: 'gwapi' } });
    expect(lines).toEqual(['reports: GWISE:ACME.PO1.NOBODY 5.4.6']);
  });
});

test('the mail the MTA gets a second time is whole, named anew only when it was split, and the counts balance', async () => {
  const { gatewayMails } = await routes(['bo@corp.example'], { origin: inside });
  expect(gatewayMails).toMatchObject([{ gateway: 'gwapi', storedAt: 7, header: noHeader }]);
  expect(gatewayMails[0]?.parentId).toBeUndefined();

  const split = await routes(['all@corp.example', 'di@corp.example'], { origin: inside });
  expect(new Set(split.gatewayMails.map(({ mailId }) => mailId)).size).toBe(2);
  expect(split.counts).toMatchObject({ expanded: 1, members: 3 });
});
