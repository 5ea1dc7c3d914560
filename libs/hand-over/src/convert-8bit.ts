import { fieldsOf, valueOf } from './part-header.ts';
import { QuotedPrintable } from './quoted-printable.ts';

/** The header block as it is sent, and where the text that becomes quoted-printable begins. */
export interface Conversion {
  header: Buffer; // blank line included
  bodyStart: number; // offset in the bytes given to `planConversion`
}

/** A header block that is longer is not looked through for the sake of one old peer. */
export const maxConvertibleHeaderBytes = 262_144;

const signature = /^(dkim-signature|domainkey-signature|arc-.*)$/;

/**
 * Whether 8-bit text may be made 7-bit for a peer without 8BITMIME (RFC 6152 §3): only a single text part that nobody signed.
 * Everything else (multiparts, signed or encrypted forms, raw 8-bit in the header) has no plain conversion.
 *
 * @param head the beginning of the message as relayed, at most `maxConvertibleHeaderBytes`.
 * @returns the plan, or why there is none.
 */
export function planConversion(head: Buffer): Conversion | { reason: string } {
  const bodyStart = head.indexOf('\r\n') === 0 ? 2 : head.indexOf('\r\n\r\n') + 4;
  if (bodyStart < 4 && head.indexOf('\r\n') !== 0) return { reason: 'its header block has no end in sight' };
  const block = head.subarray(0, bodyStart);
  if (block.some((byte) => byte > 0x7f)) return { reason: 'its header fields hold 8-bit text' };

  const fields = fieldsOf(block);
  if (fields.some(({ name }) => name === '')) return { reason: 'its header block is malformed' };
  const signed = fields.find(({ name }) => signature.test(name));
  if (signed !== undefined) return { reason: `it would break the ${signed.name}` };

  const types = fields.filter(({ name }) => name === 'content-type');
  const encodings = fields.filter(({ name }) => name === 'content-transfer-encoding');
  if (types.length > 1 || encodings.length > 1) return { reason: 'its MIME fields are doubled' };
  const [type, encoding] = [types[0], encodings[0]];
  if (type !== undefined && !/^[^:]*:\s*text\//i.test(type.text)) return { reason: 'it is no single text part' };
  if (encoding !== undefined && !/^[^:]*:\s*(7bit|8bit)\s*$/i.test(encoding.text)) return { reason: 'its transfer encoding is not 8bit' };

  const added: string[] = [];
  if (!fields.some(({ name }) => name === 'mime-version')) added.push('MIME-Version: 1.0');
  if (type === undefined) added.push('Content-Type: text/plain; charset=unknown-8bit'); // RFC 1428 §3
  if (encoding === undefined) added.push(newEncoding);
  const lines = [...fields.map((field) => (field === encoding ? newEncoding : field.text)), ...added, '', ''];
  return { header: Buffer.from(lines.join('\r\n'), 'latin1'), bodyStart };
}
const newEncoding = 'Content-Transfer-Encoding: quoted-printable';

/**
 * Whether a message that came as BINARYMIME may be made one for a peer without (RFC 3030 §3): not where a signature would break, nor
 * where its own header block holds 8-bit text.
 *
 * @param head the beginning of the message as relayed, at most `maxConvertibleHeaderBytes`.
 * @returns why not, undefined when it may.
 */
export function planBinary(head: Buffer): { reason: string } | undefined {
  const end = head.indexOf('\r\n') === 0 ? 2 : head.indexOf('\r\n\r\n') + 4;
  if (end === 3) return { reason: 'its header block has no end in sight' }; // not found, and four
  const fields = fieldsOf(head.subarray(0, end));
  if (head.subarray(0, end).some((byte) => byte > 0x7f)) return { reason: 'its header fields hold 8-bit text' };
  const signed = fields.find(({ name }) => signature.test(name));
  if (signed !== undefined) return { reason: `it would break the ${signed.name}` };
  const type = valueOf(fields, 'content-type') ?? '';
  if (/^(?:multipart\/(?:signed|encrypted)|application\/(?:x-)?pkcs7-mime)\b/i.test(type))
    return { reason: 'it would break the signature' };
  return undefined;
}

/** The converted message, chunk by chunk. */
export async function* converted(plan: Conversion, body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  yield plan.header;
  const encoder = new QuotedPrintable();
  for await (const chunk of body) yield encoder.push(chunk);
  yield encoder.end();
}
