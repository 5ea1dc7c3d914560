import { describe, expect, test } from '@jest/globals';
import {
  addressByTemplate,
  addressForms,
  comparedAs,
  displayOf,
  type PersonNames,
  parseAddress,
  parseTemplate,
  parseX400,
  sameAddress,
  templateClashes,
  x400Slashes,
} from '../src/index.ts';

const read = (written: string): string => {
  const found = parseAddress(written);
  return found.ok ? found.value : `no: ${found.reason}`;
};

describe('an address', () => {
  test.each([
    ['Ada@Corp.EXAMPLE', 'SMTP:Ada@corp.example'],
    ['smtp:"a b"@Corp.example', 'SMTP:"a b"@corp.example'],
    ['SMTP:postmaster', 'SMTP:postmaster'],
    ['x400:G=Jane;s=Doe; c=US ;a= ;P=Fabrikam', 'X400:c=US;a= ;p=Fabrikam;s=Doe;g=Jane;'],
    ['X400:/c=US/a=TELENET/p=ABC/o=P$/Q/s=STEEL', 'X400:c=US;a=TELENET;p=ABC;o=P/Q;s=STEEL;'],
    ['X400:/G=Ada/S=Ex/DD.RFC-822=b(a)x.example/PRMD=Acme/ADMD= /C=XX/', 'X400:c=XX;a= ;p=Acme;s=Ex;g=Ada;dda:RFC-822=b(a)x.example;'],
    ['ms: NET / PO1 /Ada  B', 'MS:NET/PO1/Ada B'],
    ['CCMAIL:Doe at Work, Jane  at PO1', 'CCMAIL:Doe at Work, Jane at PO1'],
    ['NOTES:CN=Ada Ex/OU=Ops/O=Acme@DOM', 'NOTES:Ada Ex/Ops/Acme@DOM'],
    ['NOTES:Ada Ex@DOM@GATE', 'NOTES:Ada Ex@DOM@GATE'],
    ['GWISE:ACME.First Group.j.doe', 'GWISE:ACME.First Group.j.doe'],
    [
      'EX:/o=Fabrikam/ou=First Administrative Group/cn=Recipients/cn=jdoe',
      'EX:/o=Fabrikam/ou=First Administrative Group/cn=Recipients/cn=jdoe',
    ],
    ['FAX:Jane Doe@+49 (30) 555-0100', 'FAX:Jane Doe@+49 (30) 555-0100'],
    ['profs:NODE(ADA)', 'PROFS:NODE(ADA)'],
    ['Jane Doe[FAX:+1 206 5550100] ', 'FAX:+1 206 5550100'],
  ])('%s', (written, typed) => {
    expect(read(written)).toBe(typed);
    expect(read(typed)).toBe(typed);
  });

  test.each([
    ['ada', /neither a type/],
    ['SMTP:ada', /no mailbox/],
    ['SMTP:a b@x.example', /no mailbox/],
    ['X400:c=US;s=Doe;', /"a" is missing/],
    ['X400:c=USA;a= ;p=x;', /country "USA"/],
    ['X400:c=US;a= ;p=x;p=y;', /"p" is there twice/],
    ['X400:c=US;a= ;p=x;z=1;', /"z" is no X.400 attribute/],
    ['X400:c=US;a= ;p=x;s=a@b;', /"@" cannot stand/],
    [`X400:c=US;a= ;p=${'x'.repeat(17)};`, /"p" is longer than 16/],
    ['X400:c=US;a= ;p=x;dda:TOOLONGTYPE=1;', /longer than 8/],
    ['X400:c=US;a= ;p=x;dda:a=1;dda:b=1;dda:c=1;dda:d=1;dda:e=1;', /more than 4/],
    ['X400:c=US;a= ;p=x;nonsense', /no name before/],
    ['MS:NET/PO', /2 parts/],
    ['MS:NETWORKNAME1/PO/X', /network "NETWORKNAME1"/],
    ['MS:NET//X', /post office ""/],
    ['CCMAIL:Ada', /NAME at POSTOFFICE/],
    ['NOTES:Ada//Acme', /part of the name is empty/],
    ['NOTES:Ada@', /domain behind/],
    ['GWISE:ACME.BKo', /DOMAIN.POSTOFFICE.USER/],
    ['EX:cn=jdoe', /begin with/],
    ['X500:/o=a/b', /"b" is no part/],
    ['FAX:nobody', /no number/],
    ['PROFS: ', /empty/],
    ['PROFS:a\u0007b', /control character/],
    [`PROFS:${'x'.repeat(1_200)}`, /longer than 1200/],
  ])('not %s', (written, reason) => {
    expect(read(written)).toMatch(/^no: /);
    expect(read(written)).toMatch(reason);
  });

  test.each([
    ['SMTP:Ada@corp.example', 'SMTP:ada@corp.example', true],
    ['X400:c=us;a= ;p=CORP;g=ada;s=EX;', 'X400:s=Ex;g=Ada;c=US;a=;p=Corp', true],
    ['X400:c=us;a= ;p=CORP;ou1=a;ou2=b;', 'X400:c=us;a= ;p=CORP;ou1=b;ou2=a;', false],
    ['MS:NET/PO/ADA', 'ms:net/po/ada', true],
    ['NOTES:CN=Ada Ex/O=Acme@DOM', 'NOTES:ada  ex/acme@dom', true],
    ['EX:/o=A/cn=x', 'X500:/O=a/CN=X', true],
    ['EX:/o=A/cn=x', 'MS:/O=a/CN=X', false],
    ['FAX:+49 30 555-0100', 'FAX:+49305550100', true],
    ['FAX:Jane@+49305550100', 'FAX:+49305550100', false],
    ['PROFS:NODE(ADA)', 'PROFS:node(ada)', true],
  ])('%s and %s', (one, other, same) => {
    expect(sameAddress(one, other)).toBe(same);
  });

  test.each([
    ['SMTP:ada@corp.example', 'ada@corp.example'],
    ['X400:c=US;a= ;p=F;s=Doe;g=Jane;', 'Jane Doe'],
    ['X400:c=US;a= ;p=F;o=Sales;', 'Sales'],
    ['MS:NET/PO/JDOE', 'JDOE'],
    ['CCMAIL:Doe, Jane at PO1', 'Doe, Jane'],
    ['NOTES:Jane Doe/Sales/Fab@DOM', 'Jane Doe'],
    ['GWISE:FAB.PO1.j.doe', 'j.doe'],
    ['EX:/o=F/cn=Recipients/cn=jdoe', 'jdoe'],
    ['FAX:Jane@+1', 'Jane'],
    ['MS:odd', 'odd'],
  ])('%s is shown as %s', (address, shown) => {
    expect(displayOf(address)).toBe(shown);
  });

  test('what its type does not understand is compared as text', () => {
    expect(comparedAs('MS:Odd')).toBe('MS:odd');
  });
});

test('the slash form protects what it is made of', () => {
  const attributes = parseX400('c=US;a= ;p=F;o=a/b=c$;');
  expect(attributes.ok && x400Slashes(attributes.value)).toBe('/O=a$/b$=c$$/PRMD=F/ADMD= /C=US/');
});

describe('a template', () => {
  const mark: PersonNames = { given: 'Mark', initials: 'M', surname: 'Clark', display: 'Mark M. Clark', alias: 'markc' };
  const by = (template: string, person: PersonNames = mark): string => {
    const parsed = parseTemplate(template);
    if (!parsed.ok) return `no: ${parsed.reason}`;
    const made = addressByTemplate(parsed.value, person);
    return made.ok ? made.value : `none: ${made.reason}`;
  };
  test.each([
    ['SMTP:%d@x.example', 'SMTP:MarkMClark@x.example'],
    ['SMTP:%r._%d@x.example', 'SMTP:MarkM_Clark@x.example'],
    ['SMTP:%r .%d@x.example', 'SMTP:Mark.M.Clark@x.example'],
    ['SMTP:%g.%s@x.example', 'SMTP:Mark.Clark@x.example'],
    ['SMTP:@x.example', 'SMTP:markc@x.example'],
    ['SMTP:%1g%s@x.example', 'SMTP:MClark@x.example'],
    ['SMTP:%3s%1i@x.example', 'SMTP:ClaM@x.example'],
    ['SMTP:%rkk%m@x.example', 'SMTP:marc@x.example'],
    ['SMTP:%rk@%m@x.example', 'SMTP:markc@x.example'],
    ['SMTP:%%%m@x.example', 'SMTP:%markc@x.example'],
    ['MS:NET/PO1/%8m', 'MS:NET/PO1/markc'],
    ['CCMAIL:%s, %g at PO1', 'CCMAIL:Clark, Mark at PO1'],
    ['NOTES:%d/Ops/Acme@DOM', 'NOTES:Mark M. Clark/Ops/Acme@DOM'],
    ['X400:c=XX;a= ;p=Acme;s=%s;g=%g;', 'X400:c=XX;a= ;p=Acme;s=Clark;g=Mark;'],
  ])('%s', (template, address) => {
    expect(by(template)).toBe(address);
  });
  test('of a person without a given name', () => {
    expect(by('SMTP:%g.%s@x.example', { surname: 'Clark', alias: 'c' })).toBe('SMTP:Clark@x.example');
    expect(by('GWISE:A.B.%g', { alias: 'c' })).toMatch(/^none: .*DOMAIN/);
  });
  test.each([
    ['%m@x.example', /begins with a type/],
    ['SMTP:%z@x.example', /"%z" is no variable/],
    ['SMTP:%0m@x.example', /no letters/],
    ['SMTP:%ra', /two characters/],
  ])('not %s', (template, reason) => {
    expect(by(template)).toMatch(reason);
  });
  test('that does not tell people apart is found', () => {
    const parsed = parseTemplate('SMTP:%1g%s@x.example');
    if (!parsed.ok) throw new Error(parsed.reason);
    const people = [mark, { ...mark, given: 'Mary', alias: 'maryc' }, { ...mark, given: 'Ada', alias: 'ada' }];
    expect(templateClashes(parsed.value, people, comparedAs)).toEqual([{ address: 'SMTP:MClark@x.example', aliases: ['markc', 'maryc'] }]);
  });
});

describe('all forms', () => {
  const options = { domains: ['corp.example'], x400Base: 'c=XX;a= ;p=Corp;o=Gate;' };
  const of = (address: string): Record<string, string> =>
    Object.fromEntries(addressForms(address, options).map(({ form, text }) => [form, text]));
  test('of a Notes address', () => {
    expect(of('NOTES:Zoë/HQ@DOM')).toEqual({
      typed: 'NOTES:Zoë/HQ@DOM',
      'compared as': 'NOTES:zoë/hq@dom',
      display: 'Zoë',
      IMCEA: 'IMCEANOTES-Zo+C3+AB_HQ+40DOM@corp.example',
      'X.400': 'X400:c=XX;a= ;p=Corp;o=Gate;dda:NOTES=Zo(195)(171)/HQ(a)DOM;',
    });
  });
  test('of an X.400 address, and what it carries', () => {
    expect(of('X400:c=XX;a= ;p=Corp;o=Gate;dda:RFC-822=jane(u)d(a)contoso.example;')).toMatchObject({
      slashes: '/DD.RFC-822=jane(u)d(a)contoso.example/O=Gate/PRMD=Corp/ADMD= /C=XX/',
      'MIXER mailbox': '"/DD.RFC-822=jane(u)d(a)contoso.example/O=Gate/PRMD=Corp/ADMD= /C=XX/"@corp.example',
      carries: 'SMTP:jane_d@contoso.example',
    });
  });
  test('an encapsulated address is taken apart only at a domain of ours', () => {
    expect(of('SMTP:IMCEAMS-NET_PO_ADA@corp.example')).toMatchObject({ carries: 'MS:NET/PO/ADA' });
    expect(of('SMTP:IMCEAMS-NET_PO_ADA@else.example')).toMatchObject({ carries: '(not taken apart)' });
  });
});
