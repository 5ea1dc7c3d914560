import { describe, expect, test } from '@jest/globals';
import { sameAddress } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import { addressMapper, directoryDown, directoryOf, explainResolution } from '../src/index.ts';

const organization = organizationOf({
  domains: [
    { name: 'corp.example', type: 'authoritative' },
    { name: 'acme.example', type: 'relay' },
  ],
  addressTemplates: [
    { foreign: 'GWISE:ACME.PO1.%m', internet: 'SMTP:%m@acme.example' },
    { foreign: 'NOTES:%g %s/Acme@DOM', internet: 'SMTP:gw-%g.%s@corp.example' },
    { foreign: 'GWISE:EXCH.SITE.%m', internet: 'SMTP:%m@corp.example', people: 'ours' },
    { foreign: 'MS:NET/PO1/%8m', internet: 'SMTP:%m@corp.example', people: 'ours' },
  ],
}).current();
const directory = directoryOf([
  'ada@corp.example',
  'maximilian@corp.example',
  { primary: 'SMTP:ben@corp.example', addresses: ['SMTP:ben@corp.example', 'GWISE:OLD.PO.BEN'] },
  { primary: 'SMTP:bko@corp.example', kind: 'contact', addresses: ['SMTP:bko@corp.example'], targetAddress: 'GWISE:ACME.PO9.BKo' },
  { primary: 'SMTP:one@corp.example', addresses: ['SMTP:one@corp.example', 'GWISE:A.B.TWICE'] },
  { primary: 'SMTP:two@corp.example', addresses: ['SMTP:two@corp.example', 'GWISE:A.B.TWICE'] },
]);
const mapper = addressMapper({ organization, directory });

describe('a foreign address as Internet mail knows it', () => {
  test.each([
    ['SMTP:x@Remote.Example', 'SMTP:x@remote.example', 'as-is'],
    ['GWISE:old.po.ben', 'SMTP:ben@corp.example', 'proxy'],
    ['GWISE:ACME.PO1.BKo', 'SMTP:BKo@acme.example', 'template'],
    ['GWISE:EXCH.SITE.ada', 'SMTP:ada@corp.example', 'template'],
    ['NOTES:Ada Ex/Acme@DOM', 'SMTP:gw-Ada.Ex@corp.example', 'template'],
    ['NOTES:Ada Maria Ex/Acme@DOM', 'SMTP:IMCEANOTES-Ada+20Maria+20Ex_Acme+40DOM@corp.example', 'encapsulated'],
    ['GWISE:A.B.TWICE', 'SMTP:IMCEAGWISE-A+2EB+2ETWICE@corp.example', 'encapsulated'],
    ['X400:c=XX;a= ;p=Acme;s=Ex;', 'SMTP:IMCEAX400-c=XX+3Ba=+20+3Bp=Acme+3Bs=Ex+3B@corp.example', 'encapsulated'],
  ])('%s is %s, %s', async (given, address, how) => {
    const mapped = await mapper.inward([given]);
    expect(mapped.ok ? mapped.value.get(given) : undefined).toMatchObject({ address, how });
  });
});

describe('an address as a foreign system knows it', () => {
  test.each([
    ['GWISE:ACME.PO1.BKo', 'GWISE', 'GWISE:ACME.PO1.BKo', 'as-is'],
    ['SMTP:ben@corp.example', 'GWISE', 'GWISE:OLD.PO.BEN', 'proxy'],
    ['SMTP:bko@corp.example', 'GWISE', 'GWISE:ACME.PO9.BKo', 'proxy'],
    ['SMTP:ada@corp.example', 'GWISE', 'GWISE:EXCH.SITE.ada', 'template'],
    ['SMTP:ada@corp.example', 'MS', 'MS:NET/PO1/ada', 'template'],
    ['SMTP:maximilian@corp.example', 'MS', 'SMTP:maximilian@corp.example', 'encapsulated'],
    ['SMTP:BKo@acme.example', 'GWISE', 'GWISE:ACME.PO1.BKo', 'template'],
    ['SMTP:IMCEAGWISE-A+2EB+2EC@corp.example', 'GWISE', 'GWISE:A.B.C', 'encapsulated'],
    ['SMTP:IMCEAGWISE-A+2EB+2EC@other.example', 'GWISE', 'SMTP:IMCEAGWISE-A+2EB+2EC@other.example', 'encapsulated'],
    ['NOTES:Ada Ex/Acme@DOM', 'GWISE', 'SMTP:gw-Ada.Ex@corp.example', 'encapsulated'],
    ['SMTP:x@remote.example', 'GWISE', 'SMTP:x@remote.example', 'encapsulated'],
  ])('%s for %s is %s, %s', async (given, type, address, how) => {
    const mapped = await mapper.outward([given], type);
    expect(mapped.ok ? mapped.value.get(given) : undefined).toMatchObject({ address, how });
  });
});

test('what went in comes back out the same, by whichever of the three', async () => {
  for (const address of ['GWISE:OLD.PO.BEN', 'GWISE:ACME.PO1.BKo', 'GWISE:ACME.PO1.B Ko', 'GWISE:ACME.PO2.x_y', 'GWISE:ÄÖ.PÜ.ß']) {
    const there = await mapper.inward([address]);
    const internet = there.ok ? (there.value.get(address)?.address ?? '') : '';
    const back = await mapper.outward([internet], 'GWISE');
    expect(back.ok && sameAddress(back.value.get(internet)?.address ?? 'NONE:', address)).toBe(true);
  }
});

test('a directory that does not answer is not a directory without the address', async () => {
  const down = addressMapper({ organization, directory: directoryDown });
  expect((await down.inward(['GWISE:A.B.C'])).ok).toBe(false);
  expect((await down.outward(['SMTP:ada@corp.example'], 'GWISE')).ok).toBe(false);
});

describe('the categorizer', () => {
  const resolve = async (address: string, authenticated = false) =>
    explainResolution({ organization, directory, from: 'x@remote.example', authenticated, sizeKb: 1, addresses: [address] });

  test.each([
    ['bko@acme.example', ['GWISE:ACME.PO1.bko'], []],
    ['gw-ada.ex@corp.example', ['NOTES:ada ex/Acme@DOM'], []],
    ['nobody@corp.example', [], ['5.1.1']], // a template of our own people makes nobody of them
    ['bko@corp.example', ['GWISE:ACME.PO9.BKo'], []],
    ['IMCEAGWISE-A+2EB+2EC@corp.example', [], ['5.1.1']], // from outside
    ['other@acme.example', ['GWISE:ACME.PO1.other'], []],
  ])('%s goes to %j', async (address, hops, statuses) => {
    const found = await resolve(address);
    expect(found.hops).toEqual(hops);
    expect(found.reports.map(({ status }) => status)).toEqual(statuses);
  });

  test('from inside an encapsulated address is what it holds', async () => {
    expect((await resolve('IMCEAGWISE-A+2EB+2EC@corp.example', true)).hops).toEqual(['GWISE:A.B.C']);
  });
});
