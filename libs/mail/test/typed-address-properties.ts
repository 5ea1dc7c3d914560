import {
  addressInDda,
  ddaAddress,
  decodePrintable,
  encodePrintable,
  imceaAddress,
  imceaMailbox,
  knownTypes,
  mixerAddress,
  mixerMailbox,
  parseAddress,
  sameAddress,
} from '../src/index.ts';
import fc from 'fast-check';

const base = 'c=XX;a= ;p=Corp;o=Gate;';
const anyType = fc.oneof(fc.constantFrom(...knownTypes), fc.stringMatching(/^[A-Z0-9]{1,8}$/));
/** Any Unicode there is; a line end cannot stand in an address on the bus. */
const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter((text) => !/[\r\n\0]/.test(text));
const word = fc.stringMatching(/^[A-Za-z0-9'+,.-]{1,10}$/);
const printable = fc.string({ unit: fc.constantFrom(..."abcXYZ0189 '()+,-./:=?".split('')), minLength: 1, maxLength: 16 });
const orAddress = fc
  .record({ p: printable, o: printable, ou1: printable, s: printable, g: printable, dda: printable })
  .map(({ p, o, ou1, s, g, dda }) => `X400:c=XX;a= ;p=${p};o=${o};ou1=${ou1};s=${s};g=${g};dda:X=${dda};`);

/** What must hold of every address; each by name, so that both suites run them. */
export const addressProperties: readonly [name: string, property: fc.IProperty<unknown>][] = [
  [
    'IMCEA gives back exactly what it was given, in an alphabet every server takes',
    fc.property(anyType, anyText, (type, value) => {
      const local = imceaMailbox(`${type}:${value}`, 'corp.example').slice(0, -'@corp.example'.length);
      return /^[A-Za-z0-9=_+-]+$/.test(local) && imceaAddress(local) === `${type}:${value}`;
    }),
  ],
  [
    'a domain-defined attribute gives back exactly what it was given, or says that it has no room',
    fc.property(anyType, anyText, (type, value) => {
      const address = `${type}:${value}`;
      const carried = ddaAddress(address, base);
      if (carried === undefined) return encodePrintable(value).length > 128;
      return addressInDda(carried, base) === address && parseAddress(carried).ok;
    }),
  ],
  [
    'PrintableString escapes undo each other',
    fc.property(fc.string({ unit: 'binary' }), (text) => decodePrintable(encodePrintable(text)) === text),
  ],
  [
    'a MIXER mailbox leads back to the same O/R address',
    fc.property(orAddress, (address) => {
      const read = parseAddress(address);
      if (!read.ok) return false;
      const mailbox = mixerMailbox(read.value.slice(5), 'corp.example') ?? '';
      const back = mixerAddress(mailbox.slice(0, mailbox.lastIndexOf('@')));
      return back !== undefined && sameAddress(back, read.value);
    }),
  ],
  [
    'what was read is read again as itself, and equals itself in capitals and in small letters',
    fc.property(
      fc.oneof(
        orAddress,
        fc.tuple(word, word, word).map((parts) => `MS:${parts.join('/')}`),
        fc.tuple(word, word).map(([name, office]) => `CCMAIL:${name} at ${office}`),
        fc.tuple(word, word, word).map(([name, unit, domain]) => `NOTES:CN=${name}/OU=${unit}@${domain}`),
        fc.tuple(word, word).map((parts) => `X500:/o=${parts.join('/cn=')}`),
        fc.nat().map((number) => `FAX:+${number}`),
      ),
      (written) => {
        const read = parseAddress(written);
        if (!read.ok) return false;
        const again = parseAddress(read.value);
        return (
          again.ok &&
          again.value === read.value &&
          sameAddress(read.value, written.toUpperCase()) &&
          sameAddress(read.value, written.toLowerCase())
        );
      },
    ),
  ],
  [
    'no text makes the reader throw, and what it gives it understands',
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.tuple(anyType, anyText).map((parts) => parts.join(':')),
      ),
      (text) => {
        const read = parseAddress(text);
        return read.ok ? parseAddress(read.value).ok : read.reason !== '';
      },
    ),
  ],
  [
    'no local part makes a decoder throw',
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^IMCEA[A-Z]{1,9}-[0-9A-F+_=-]{0,40}$/)), (text) => {
      const inside = imceaAddress(text);
      mixerAddress(text);
      decodePrintable(text);
      return inside === undefined || !/[\r\n\0]/.test(inside);
    }),
  ],
];
