import { addressType, knownTypes, sameAddress } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import fc from 'fast-check';
import { addressMapper } from '../src/index.ts';

const organization = organizationOf({
  addressTemplates: [
    { foreign: 'GWISE:ACME.PO1.%m', internet: 'SMTP:%m@corp.example' },
    { foreign: 'NOTES:%g %s/Acme', internet: 'SMTP:n-%g.%s@corp.example' },
    { foreign: 'MS:NET/PO/%8m', internet: 'SMTP:ms-%m@corp.example' },
  ],
}).current();
const mapper = addressMapper({ organization });

const word = fc.oneof(fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }), fc.stringMatching(/^[A-Za-z0-9 ._-]{1,10}$/));
/** Values near the grammar of each type, any Unicode in them; those its type does not take are left out. */
const values: Readonly<Record<string, fc.Arbitrary<string>>> = {
  X400: fc
    .tuple(fc.stringMatching(/^[A-Za-z0-9 '()+,./:=?-]{1,20}$/), word)
    .map(([name, other]) => `c=XX;a= ;p=Acme;o=${other};s=${name};`),
  MS: fc.oneof(
    word.map((name) => `NET/PO/${name}`),
    fc.tuple(word, word, word).map((parts) => parts.join('/')),
  ),
  CCMAIL: fc.tuple(word, word).map(([name, office]) => `${name} at ${office}`),
  NOTES: fc.oneof(
    fc.tuple(word, word).map(([one, two]) => `${one} ${two}/Acme`),
    fc.tuple(word, word).map(([one, two]) => `${one}/${two}@DOM`),
  ),
  GWISE: fc.oneof(
    word.map((name) => `ACME.PO1.${name}`),
    fc.tuple(word, word, word).map((parts) => parts.join('.')),
  ),
  EX: word.map((name) => `/o=Acme/cn=${name}`),
  X500: word.map((name) => `/o=Acme/cn=${name}`),
  FAX: fc.stringMatching(/^[+0-9 ()-]{1,20}$/),
};
const foreignTypes = [...knownTypes.filter((type) => type !== 'SMTP'), 'OTHER'];

/** What becomes of any address of a type that goes to Internet mail and back: itself again. */
export const mapperProperties = foreignTypes.map((type) => {
  const property = fc.asyncProperty(values[type] ?? word, async (value) => {
    const read = addressType(type).parse(value);
    fc.pre(read.ok);
    const address = `${type}:${read.ok ? read.value : ''}`;
    const there = await mapper.inward([address]);
    const internet = there.ok ? (there.value.get(address)?.address ?? '') : '';
    const back = await mapper.outward([internet], type);
    const found = back.ok ? (back.value.get(internet)?.address ?? 'NONE:') : 'NONE:';
    return internet.startsWith('SMTP:') && sameAddress(found, address);
  });
  return [type, property] as const;
});
