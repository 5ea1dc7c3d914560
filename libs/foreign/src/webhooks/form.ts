import { createHash } from 'node:crypto';
import { Busboy } from '@fastify/busboy';
import { decoded } from '../code-page.ts';
import { type Reject, reject } from '../foreign-file.ts';

export interface FormPart {
  name: string;
  bytes: Buffer;
  file?: string; // the file name it came with
  type?: string; // in lower case, without parameters
}

/** A form that was posted, in bytes: what characters they are only the dialect knows. */
export interface Form {
  parts: readonly FormPart[];
}

/** More than any mail has files and headers; past it a request is an attack. */
const maxParts = 1_000;
const maxNameBytes = 200;

/**
 * Reads a form of either kind (RFC 7578, or the URL standard's `application/x-www-form-urlencoded`). Memory: once more the size of the body.
 *
 * @returns `undefined` for a body of another type.
 */
export async function readForm(contentType: string, body: Buffer): Promise<Form | undefined | Reject> {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') return urlEncoded(body);
  return type === 'multipart/form-data' ? multipart(contentType, body) : undefined;
}

/** The bytes of the first part with a name. */
export function bytesIn(form: Form | undefined, name: string): Buffer | undefined {
  return form?.parts.find((part) => part.name === name)?.bytes;
}

/** Its text. @param charset UTF-8 unless said otherwise; an unknown one is read as UTF-8, too. */
export function textIn(form: Form | undefined, name: string, charset = 'utf-8'): string | undefined {
  const bytes = bytesIn(form, name);
  if (bytes === undefined) return undefined;
  try {
    return decoded(bytes, charset);
  } catch {
    return bytes.toString('utf8');
  }
}

/** An identity of what a form says, whatever its boundaries are. @param without parts that differ between repeats. */
export function formDigest(form: Form, without: readonly string[] = []): string {
  const hash = createHash('sha256');
  for (const { name, bytes, file = '' } of form.parts) {
    if (!without.includes(name)) hash.update(`${JSON.stringify([name, file, bytes.length])}\n`).update(bytes);
  }
  return hash.digest('hex');
}

function urlEncoded(body: Buffer): Form | Reject {
  const parts: FormPart[] = [];
  for (let at = 0; at < body.length; ) {
    const found = body.indexOf(ampersand, at);
    const end = found < 0 ? body.length : found;
    const equals = body.subarray(at, end).indexOf(equalSign);
    const split = equals < 0 ? end : at + equals;
    if (parts.length >= maxParts) return tooManyParts();
    if (split - at > 3 * maxNameBytes) return reject('syntax', 'a field of the form has a name that is too long');
    parts.push({
      name: percentDecoded(body.subarray(at, split)).toString('utf8'),
      bytes: percentDecoded(body.subarray(Math.min(split + 1, end), end)),
    });
    at = end + 1;
  }
  return { parts };
}

const ampersand = 0x26;
const equalSign = 0x3d;
const percent = 0x25;
const plus = 0x2b;
const blank = 0x20;

/** To bytes and no further: a message in a form is not UTF-8 in every case. */
function percentDecoded(text: Buffer): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  let size = 0;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    const hex = byte === percent ? text.toString('latin1', at + 1, at + 3) : '';
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      out[size] = Number.parseInt(hex, 16);
      at += 2;
    } else out[size] = byte === plus ? blank : byte;
    size += 1;
  }
  return out.subarray(0, size);
}

async function multipart(contentType: string, body: Buffer): Promise<Form | Reject> {
  const parts: FormPart[] = [];
  const ended = Promise.withResolvers<Form | Reject>();
  try {
    const reader = new Busboy({
      headers: { 'content-type': contentType },
      isPartAFile: () => true, // everything as bytes
      limits: { parts: maxParts, files: maxParts, headerPairs: 20, headerSize: 8_192, fieldNameSize: maxNameBytes },
    });
    reader.on('file', (name, stream, file, _encoding, type) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
      stream.on('error', () => {}); // told by the reader
      stream.on('end', () => {
        const named = typeof file === 'string' && file !== '' ? { file } : {};
        parts.push({ name, bytes: Buffer.concat(chunks), type: type.toLowerCase(), ...named });
      });
    });
    for (const limit of ['partsLimit', 'filesLimit'] as const) reader.on(limit, () => ended.resolve(tooManyParts()));
    reader.on('error', () => ended.resolve(reject('syntax', 'the parts of the form cannot be told apart')));
    reader.on('finish', () => ended.resolve({ parts }));
    reader.end(body);
  } catch {
    return reject('syntax', 'the form has no boundary');
  }
  return ended.promise;
}

function tooManyParts(): Reject {
  return reject('syntax', `the form has more than ${maxParts} parts`);
}
