import { pieces } from '../compose.ts';
import { type FileDialect, reject } from '../foreign-file.ts';
import { orReject } from '../mapi/fault.ts';
import { readEntry, translateEntry } from '../mapi/mapi-dialect.ts';
import { compoundMagic } from './compound-file.ts';
import { readMsg } from './msg-file.ts';

/** Messages as Outlook saves them: properties in a compound file (MS-OXMSG). */
export const msg: FileDialect = {
  name: 'msg',
  recognise: (head) => (head.subarray(0, compoundMagic.length).equals(compoundMagic) ? 3 : 0),
  // Whole is what its tables say; a file whose head is not all of it is found short, or not, when it is read.
  isComplete(head, _tail, whole) {
    if (!whole) return true;
    const read = orReject(() => readMsg(head, Number.POSITIVE_INFINITY));
    return !('kind' in read && (read.code === 'incomplete-timeout' || read.code === 'count-mismatch'));
  },
  read(file, limits) {
    if (msg.recognise(file) === 0) return reject('unrecognised', 'this is no compound file, as .msg files are', 'byte 0');
    return readEntry(file, readMsg, limits);
  },
  translate: (bytes, context) =>
    translateEntry(bytes, readMsg, context, () => ({
      name: 'message.msg',
      type: 'application/vnd.ms-outlook',
      bytes: () => pieces(bytes),
    })),
};
