import { pieces } from '../compose.ts';
import { type FileDialect, reject } from '../foreign-file.ts';
import { Budget } from '../mapi/budget.ts';
import { orReject } from '../mapi/fault.ts';
import { readEntry, translateEntry } from '../mapi/mapi-dialect.ts';
import { readAttributes, tnefSignature } from './attributes.ts';
import { readTnef } from './tnef-file.ts';

/** Whole messages in TNEF, as Exchange wrote them for gateways and Outlook writes them into winmail.dat (MS-OXTNEF). */
export const tnef: FileDialect = {
  name: 'tnef',
  recognise: (head) => (head.length >= 4 && head.readUInt32LE(0) === tnefSignature ? 3 : 0),
  // It has no sign of its end: whole is what ends with an attribute.
  isComplete(head, _tail, whole) {
    if (!whole) return true;
    const read = orReject(() => readAttributes(head, new Budget(0)));
    return 'kind' in read || read.damage?.code !== 'incomplete-timeout';
  },
  read(file, limits) {
    if (tnef.recognise(file) === 0) return reject('unrecognised', 'this is no TNEF: it does not begin with its signature', 'byte 0');
    return readEntry(file, readTnef, limits);
  },
  translate: (bytes, context) =>
    translateEntry(bytes, readTnef, context, () => ({ name: 'winmail.dat', type: 'application/ms-tnef', bytes: () => pieces(bytes) })),
};
