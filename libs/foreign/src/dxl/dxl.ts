import { base64Pieces, isBase64 } from '../base64.ts';
import { compose } from '../compose.ts';
import { shownName } from '../file-name.ts';
import { type BadEntry, type Entry, type FileDialect, type Reject, reject } from '../foreign-file.ts';
import { notesComposition, notesEnvelope } from '../notes-document.ts';
import { ownMail } from '../own-mail.ts';
import { type DxlDocument, readDxl } from './dxl-file.ts';

const headBytes = 4_096;
const root = /^\uFEFF?\s*(?:<\?xml[^>]*>\s*)?(?:(?:<!--[\s\S]*?-->|<!DOCTYPE[^>[]*>)\s*)*<(document|database)\b([^>]*)/;

/** Notes and Domino exports in DXL: documents of mail, one or many a file. */
export const dxl: FileDialect = {
  name: 'dxl',
  recognise(head) {
    const text = head.toString('utf8', 0, headBytes);
    const [, element, attributes = ''] = root.exec(text) ?? [];
    if (element === undefined) return /lotus\.com\/dxl/.test(text) && /^\uFEFF?\s*</.test(text) ? 2 : 0;
    return /lotus\.com\/dxl/.test(attributes) ? 3 : /<(?:noteinfo|item)\b/.test(text) ? 2 : 0;
  },
  isComplete(head, tail) {
    const [, element] = root.exec(head.toString('utf8', 0, headBytes)) ?? [];
    const ending = /<\/(document|database)\s*>\s*$/.exec(tail.toString('latin1'));
    return ending !== null && (element === undefined || ending[1] === element);
  },
  read(file, { recipientsPerMessage }) {
    if (dxl.recognise(file.subarray(0, headBytes)) === 0) {
      return reject('unrecognised', 'this is no Notes export: it does not begin with a document or database of DXL', 'line 1');
    }
    const documents = readDxl(file);
    if ('kind' in documents) return documents;
    const entries = documents.map((document): Entry | BadEntry => {
      const bytes = file.subarray(document.start, document.end);
      const envelope = document.fault ?? notesEnvelope(document, recipientsPerMessage);
      const fault = 'kind' in envelope ? envelope : contentFault(document, file);
      return fault === undefined && !('kind' in envelope)
        ? { kind: 'message', ...envelope, bytes }
        : { kind: 'bad', reject: fault ?? reject('syntax', 'it cannot be read'), bytes };
    });
    return { kind: 'read', entries, notes: [] };
  },
  async translate(bytes, context) {
    const documents = readDxl(bytes);
    if ('kind' in documents) return documents;
    const [document] = documents;
    if (document === undefined) return reject('syntax', 'there is no document in it');
    if (document.mime !== undefined) return ownMail(withoutBlank(Buffer.concat(document.mime)), context);
    const files = document.files.map(({ name, start, end }, index) => ({
      name: shownName(name, `attachment-${index + 1}`),
      bytes: () => base64Pieces(bytes.subarray(start, end)),
    }));
    const composition = notesComposition(document, 'dxl', context.hostname);
    const compressed = document.files.flatMap(({ name, compression = 'none' }) =>
      compression === 'none' ? [] : [{ name: 'X-Foreign-Compression', value: `${name} ${compression}` }],
    );
    return compose({ ...composition, kept: [...composition.kept, ...compressed], text: document.text, files }, context);
  },
};

/** What the gateway can still tell whoever wrote the file. */
function contentFault({ mime, files }: DxlDocument, bytes: Buffer): Reject | undefined {
  const bad = mime === undefined ? files.findIndex(({ start, end }) => !isBase64(bytes.subarray(start, end))) : -1;
  return bad < 0 ? undefined : reject('syntax', `the attachment ${bad + 1} is not in base64`, '$FILE');
}

/** The message begins behind the blank lines that an export may put before it. */
function withoutBlank(message: Buffer): Buffer {
  let at = 0;
  while (/\s/.test(message.toString('latin1', at, at + 1))) at += 1;
  return message.subarray(at);
}
