import { isAscii, isUtf8 } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { oneLine } from '@mailrail/mail';
import sax from 'sax';
import { type Reject, reject } from '../foreign-file.ts';

/** What a reader of an XML file is told, in order. Each may end the reading with a refusal. */
export interface XmlReader {
  /** @param startAt offset of its `<` in the bytes. @param endAt offset behind its `>`. */
  open(name: string, attributes: Readonly<Record<string, string>>, startAt: number, endAt: number, depth: number): Reject | undefined;
  close(name: string, startAt: number, endAt: number): Reject | undefined;
  /** Text and CDATA, in pieces of at most 64 K characters. */
  text(piece: string): void;
  /** Whether the text at hand is not looked at: then most of it is passed over, up to the next `<`. */
  readonly isBlind: boolean;
}

const chunkBytes = 65_536;
const maxDepth = 100;
const maxAttributes = 1_000; // of one element

/**
 * Reads an XML file once, from front to back, holding no more than 64 KB of it. A DOCTYPE is passed over and never fetched; one that
 * declares anything (entities above all) is refused, so that an entity is never more than one letter, as `&amp;` is.
 *
 * @returns why it is no file that can be read, or `undefined` at its end.
 */
export function readXml(bytes: Buffer, reader: XmlReader): Reject | undefined {
  if (!isUtf8(bytes)) return reject('charset', 'it is not in UTF-8, as this kind of file must be');
  const parser = sax.parser(true, { position: true });
  const offsetAt = offsets(bytes);
  let fault: Reject | undefined;
  let depth = 0;
  let passedOver = 0;
  const end = (found: Reject | undefined): void => {
    fault ??= found;
  };
  parser.onerror = ({ message }) => {
    const [what = ''] = message.split('\n');
    end(reject('syntax', `it is not well-formed XML: ${oneLine(what, 120)}`, `line ${parser.line + 1}`));
    parser.resume();
  };
  parser.ondoctype = (declaration) => {
    if (/\[|<!/.test(declaration)) end(reject('syntax', 'it declares a document type of its own, which is never followed', 'DOCTYPE'));
  };
  let attributesHere = 0;
  parser.onopentagstart = () => {
    attributesHere = 0;
  };
  parser.onattribute = () => {
    attributesHere += 1;
    if (attributesHere > maxAttributes)
      end(reject('too-large', `more than ${maxAttributes} attributes in one element`, `line ${parser.line + 1}`));
  };
  parser.onopentag = ({ name, attributes }) => {
    depth += 1;
    if (fault !== undefined) return;
    if (depth > maxDepth)
      return end(reject('nested-too-deep', `more than ${maxDepth} elements within each other`, `line ${parser.line + 1}`));
    const plain: Record<string, string> = {};
    for (const [key, value] of Object.entries(attributes)) plain[key] = typeof value === 'string' ? value : value.value;
    end(reader.open(name, plain, offsetAt(parser.startTagPosition - 1 + passedOver), offsetAt(parser.position + passedOver), depth));
  };
  parser.onclosetag = (name) => {
    depth -= 1;
    if (fault === undefined)
      end(reader.close(name, offsetAt(parser.startTagPosition - 1 + passedOver), offsetAt(parser.position + passedOver)));
  };
  parser.ontext = (piece) => fault ?? reader.text(piece);
  parser.oncdata = (piece) => fault ?? reader.text(piece);

  const decoder = new StringDecoder('utf8');
  for (let at = 0; at < bytes.length; ) {
    parser.write(decoder.write(bytes.subarray(at, at + chunkBytes)));
    if (fault !== undefined) return fault;
    at += chunkBytes;
    const next = reader.isBlind && (bytes[at - 1] ?? 0x80) < 0x80 ? bytes.indexOf('<', at) : -1;
    if (next > at && isAscii(bytes.subarray(at, next))) {
      passedOver += next - at;
      at = next;
    }
  }
  parser.close();
  return fault === undefined ? undefined : reject('incomplete-timeout', 'the file ends in the middle: an element is not closed');
}

/** From a place in UTF-16 units to one in bytes; asked for in rising order, so that all of it is one walk. */
function offsets(bytes: Buffer): (units: number) => number {
  if (isAscii(bytes)) return (units) => units;
  let at = 0;
  let passed = 0;
  return (units) => {
    while (passed < units && at < bytes.length) {
      const lead = bytes[at] ?? 0;
      at += lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
      passed += lead < 0xf0 ? 1 : 2;
    }
    return at;
  };
}
