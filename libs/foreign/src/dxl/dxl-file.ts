import { type NotesDocument } from '../notes-document.ts';
import { type Reject, reject } from '../foreign-file.ts';
import { readXml, type XmlReader } from './xml-events.ts';
import { richText } from './rich-text.ts';

/** A document of an export, by offsets into the file where it is large. */
export interface DxlDocument extends NotesDocument {
  start: number;
  end: number;
  text: string;
  /** The message as mail has it, when the export was asked for that. */
  mime: readonly Buffer[] | undefined;
  /** Contents in base64: `start` and `end` are where that stands. */
  files: readonly DxlAttachment[];
  /** Something in it could not be read: no letter is made of it. */
  fault: Reject | undefined;
}

export interface DxlAttachment {
  name: string;
  start: number;
  end: number;
  compression: string | undefined;
}

const maxDocuments = 1_000;
const maxItems = 5_000;
const maxValues = 5_000;
const maxFiles = 500;
const values = new Set(['text', 'number', 'datetime']);

interface Open {
  start: number;
  depth: number;
  form: string;
  unid: string | undefined;
  items: Map<string, { title: string; values: string[] }>;
  mime: Buffer[] | undefined;
  files: DxlAttachment[];
  fault: Reject | undefined;
  body: ReturnType<typeof richText>;
}

/**
 * Reads an export: a `document`, or a `database` of them. What is no well-formed XML to its end is refused as a whole; a document that is
 * no mail is the matter of its own message.
 */
export function readDxl(file: Buffer): DxlDocument[] | Reject {
  const documents: DxlDocument[] = [];
  let open: Open | undefined;
  let item: { title: string; values: string[] } | undefined;
  let value: string[] | undefined; // the value being read
  let attachment: { name: string; compression: string | undefined } | undefined;
  let dataAt: number | undefined;
  let inMime = false;
  let inRichText = false;

  const reader: XmlReader = {
    open(name, attributes, startAt, endAt, depth) {
      if (depth === 1 && name !== 'document' && name !== 'database') {
        return reject('unrecognised', `this is no Notes export: its first element is neither document nor database`, 'line 1');
      }
      if (name === 'document') {
        if (open !== undefined) return reject('syntax', 'a document stands inside another');
        if (documents.length === maxDocuments) return reject('too-large', `more than ${maxDocuments} documents in one file`);
        const { form = '' } = attributes;
        const body = richText();
        open = { start: startAt, depth, form, unid: undefined, items: new Map(), mime: undefined, files: [], fault: undefined, body };
        return undefined;
      }
      if (open === undefined) return undefined;
      if (inRichText) {
        open.body.open(name, attributes);
        return undefined;
      }
      switch (name) {
        case 'noteinfo':
          open.unid ??= attributes['unid'];
          break;
        case 'item': {
          const title = attributes['name'] ?? '';
          item = open.items.get(title.toLowerCase()) ?? { title, values: [] };
          open.items.set(title.toLowerCase(), item);
          if (open.items.size > maxItems) return reject('too-large', `more than ${maxItems} items in one document`);
          break;
        }
        case 'richtext':
          inRichText = isBody(item);
          break;
        case 'mime':
          inMime = true;
          open.mime ??= [];
          break;
        case 'rawitemdata':
          if (isBody(item)) open.fault ??= reject('unsupported-type', rawAdvice, 'Body');
          break;
        case 'break':
          value?.push('\n');
          break;
        case 'file':
          attachment = { name: attributes['name'] ?? '', compression: attributes['compression'] };
          break;
        case 'filedata':
          dataAt = endAt;
          break;
        default:
          if (values.has(name)) value = [];
      }
      return undefined;
    },

    close(name, startAt, endAt) {
      if (open === undefined) return undefined;
      if (inRichText) {
        if (name === 'richtext') inRichText = false;
        else open.body.close(name);
        return undefined;
      }
      switch (name) {
        case 'document':
          documents.push(documentOf(open, endAt));
          open = undefined;
          item = undefined;
          break;
        case 'item':
          item = undefined;
          break;
        case 'mime':
          inMime = false;
          break;
        case 'filedata':
          if (attachment !== undefined && dataAt !== undefined) open.files.push({ ...attachment, start: dataAt, end: startAt });
          dataAt = undefined;
          if (open.files.length > maxFiles) open.fault ??= reject('too-large', `more than ${maxFiles} attachments`);
          break;
        case 'file':
          attachment = undefined;
          break;
        default:
          if (!values.has(name) || value === undefined) break;
          item?.values.push(wrapped(value.join('')));
          if (isBody(item)) open.body.plain(value.join(''));
          value = undefined;
          if (item !== undefined && item.values.length > maxValues) return reject('too-large', `more than ${maxValues} values in one item`);
      }
      return undefined;
    },

    get isBlind() {
      return dataAt !== undefined;
    },
    text(piece) {
      if (open === undefined) return;
      if (inMime)
        open.mime?.push(Buffer.from(piece.replaceAll('\r', ''))); // in XML a line ends with LF
      else if (inRichText) open.body.text(piece);
      else value?.push(piece);
    },
  };

  const fault = readXml(file, reader);
  if (fault !== undefined) return fault;
  return documents.length === 0 ? reject('unrecognised', 'there is no document in this export') : documents;
}

const rawAdvice = 'its text is in the form Notes keeps inside; export with MIMEOption 0, which writes the message as mail has it';

const isBody = (item: { title: string } | undefined): boolean => item?.title.toLowerCase() === 'body';

function documentOf({ start, form, unid, items, mime, files, fault, body }: Open, end: number): DxlDocument {
  const known = form === '' ? (items.get('form')?.values[0] ?? '') : form;
  return { start, end, form: known, ...(unid === undefined ? {} : { unid }), items, text: body.end(), mime, files, fault };
}

/** A line break inside a value is the exporter's: one of the value's own is a `break`. */
function wrapped(value: string): string {
  return value.includes('\n') || value.includes('\r') ? value.replaceAll(/[ \t]*[\r\n]+[ \t]*/g, ' ').trim() : value;
}
