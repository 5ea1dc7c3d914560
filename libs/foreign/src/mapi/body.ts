import type { LazyText } from '../compose.ts';
import { codePageFor, type PieceDecoder, decoderOf } from './code-pages.ts';
import { decompressRtf } from './compressed-rtf.ts';
import { Fault } from './fault.ts';
import { encodingOf, joined, numberIn, type Pieces, type PropertyBag, sizeOf } from './properties.ts';
import { readRtf } from './rtf-reader.ts';
import { propertyType, tag } from './tags.ts';

/** The forms a message has its text in. */
export interface Bodies {
  text: string | LazyText;
  html?: string | LazyText;
  /** What can be shown as it is only by who reads RTF, or could not be understood. */
  files: { name: string; type: string; bytes: Buffer }[];
  notes: string[];
}

const longBytes = 500_000;
const pieceBytes = 65_536;

/**
 * The bodies of a message: HTML as it is, else as it was before it was put into RTF; the plain text, else that of the RTF. RTF that was
 * written as such goes along as a file.
 *
 * @throws Fault `decode-bomb`.
 */
export function bodiesOf(bag: PropertyBag): Bodies {
  const notes: string[] = [];
  const plain = bag.byId.get(tag.body);
  const encoding = plain === undefined ? undefined : encodingOf(plain.type, bag.codePage);
  const text = plain === undefined || encoding === undefined ? '' : textFrom(plain.values[0] ?? [], encoding);
  const html = htmlOf(bag, notes);
  const compressed = bag.byId.get(tag.rtfCompressed)?.values[0];
  if (html !== undefined || compressed === undefined || sizeOf(compressed) === 0) {
    return { text, ...(html === undefined ? {} : { html }), files: [], notes };
  }
  const rtf = rtfOf(compressed, notes);
  if (rtf.kind === 'html') return { text, html: textFrom([rtf.content], 'utf-8'), files: [], notes };
  return { text: text === '' ? textFrom([rtf.content], 'utf-8') : text, files: rtf.kind === 'rtf' ? [rtf.file] : [], notes };
}

function htmlOf(bag: PropertyBag, notes: string[]): string | LazyText | undefined {
  const found = bag.byId.get(tag.html);
  const bytes = found?.values[0] ?? [];
  if (found === undefined || sizeOf(bytes) === 0) return undefined;
  const written = encodingOf(found.type, bag.codePage);
  if (written !== undefined) return textFrom(bytes, written);
  if (found.type !== propertyType.binary) return undefined;
  const said = numberIn(bag, tag.internetCodepage) ?? numberIn(bag, tag.messageCodepage);
  const { name, isKnown } = codePageFor(said, joined(bytes, longBytes));
  if (!isKnown) notes.push(`code page ${said ?? ''} of the HTML is not known here: it was read as ${name}`);
  return textFrom(bytes, name);
}

type Rtf =
  | { kind: 'html'; content: Buffer }
  | { kind: 'text'; content: Buffer }
  | { kind: 'rtf'; content: Buffer; file: Bodies['files'][number] };

function rtfOf(compressed: Pieces, notes: string[]): Rtf {
  const bytes = joined(compressed);
  try {
    const raw = decompressRtf(bytes);
    const read = readRtf(raw);
    if (read === undefined) notes.push('the RTF text could not be read, and is kept as a file');
    if (read !== undefined && read.kind !== 'rtf') return { kind: read.kind, content: read.content };
    const file = { name: 'message.rtf', type: 'application/rtf', bytes: raw };
    return { kind: 'rtf', content: read?.content ?? Buffer.alloc(0), file };
  } catch (error) {
    if (!(error instanceof Fault) || error.reject.code === 'decode-bomb') throw error;
    notes.push(`${error.message}: it is kept as it is, as a file`);
    const file = { name: 'message.rtf.lzfu', type: 'application/octet-stream', bytes };
    return { kind: 'rtf', content: Buffer.alloc(0), file };
  }
}

/** Text as a message wants it; what is long is made piece by piece, when it is written. */
function textFrom(bytes: Pieces, encoding: string): string | LazyText {
  const lines = (): Generator<string> => linesOf(bytes, decoderOf(encoding));
  if (sizeOf(bytes) <= longBytes) return [...lines()].join('');
  return function* utf8() {
    for (const text of lines()) yield Buffer.from(text);
  };
}

/** Pieces of text with CRLF line ends and without NUL. */
function* linesOf(bytes: Pieces, decoder: PieceDecoder): Generator<string> {
  let held = '';
  for (const piece of bytes) {
    for (let at = 0; at < piece.length; at += pieceBytes) {
      const text = held + decoder.write(piece.subarray(at, at + pieceBytes));
      // A CR may be half of a line end, a high surrogate half of a character.
      held = /[\r\ud800-\udbff]$/.test(text) ? text.slice(-1) : '';
      yield normal(held === '' ? text : text.slice(0, -1));
    }
  }
  yield normal(held + decoder.end());
}

function normal(text: string): string {
  return text.replaceAll('\0', '').replaceAll(/\r\n?|\n/g, '\r\n');
}
