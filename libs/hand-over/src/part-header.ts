/** The header block of a part as it is sent, and what its body is. */
export type PartHeader = { header: Buffer } & (
  | { kind: 'multipart'; boundary: string }
  | { kind: 'message' } // an enclosed message: a header block follows
  | { kind: 'text' | 'octets' } // to be encoded, as the header block says now
  | { kind: 'encoded' }
);

export interface Field {
  text: string; // its lines, the last CR LF left out
  name: string; // lower case; empty for what is no field
}

/** The fields of a header block, one byte a character. */
export function fieldsOf(block: Buffer): Field[] {
  return block
    .toString('latin1')
    .split(/\r\n(?![ \t])/)
    .filter((text) => text !== '')
    .map((text) => ({ text, name: /^([!-9;-~]+)[ \t]*:/.exec(text)?.[1]?.toLowerCase() ?? '' }));
}

/** The value of a field, unfolded. */
export function valueOf(fields: readonly Field[], name: string): string | undefined {
  const field = fields.find((one) => one.name === name);
  return field?.text
    .slice(field.text.indexOf(':') + 1)
    .replaceAll(/\r\n/g, '')
    .trim();
}

/**
 * Reads the header block of a part, and changes its Content-Transfer-Encoding to what its body will be encoded with.
 *
 * @param block with the empty line that ends it.
 */
export function readPartHeader(block: Buffer): PartHeader {
  const fields = fieldsOf(inLines(block));
  const type = valueOf(fields, 'content-type') ?? 'text/plain';
  const encoding = (valueOf(fields, 'content-transfer-encoding') ?? '7bit').toLowerCase();
  const boundary = /^multipart\//i.test(type) ? boundaryOf(type) : undefined;
  if (boundary !== undefined) return { kind: 'multipart', boundary, header: withEncoding(fields, undefined) };
  if (/^message\/(?:rfc822|global)\b/i.test(type) && isIdentity(encoding))
    return { kind: 'message', header: withEncoding(fields, undefined) };
  if (!isIdentity(encoding)) return { kind: 'encoded', header: inLines(block) };
  // Others of this kind have a form of their own that no encoding may touch (RFC 2046 §5.2): all of them are ASCII lines.
  if (/^message\//i.test(type)) return { kind: 'encoded', header: withEncoding(fields, undefined) };
  return /^text\//i.test(type)
    ? { kind: 'text', header: withEncoding(fields, 'quoted-printable') }
    : { kind: 'octets', header: withEncoding(fields, 'base64') };
}

/** In a binary message even the header block of a part may hold what no line may. */
function inLines(block: Buffer): Buffer {
  return Buffer.from(block.toString('latin1').replaceAll(/\0|\r(?!\n)|(?<!\r)\n/g, ' '), 'latin1');
}

/** RFC 2046 §5.1.1: a token or a quoted string of up to 70 characters. */
function boundaryOf(type: string): string | undefined {
  const [, quoted, token] = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.){1,140})"|([^\s;"]{1,70}))/i.exec(type) ?? [];
  const boundary = (quoted?.replaceAll(/\\(.)/g, '$1') ?? token)?.trimEnd();
  return boundary === undefined || boundary === '' || boundary.length > 70 ? undefined : boundary;
}

function isIdentity(encoding: string): boolean {
  return encoding === '7bit' || encoding === '8bit' || encoding === 'binary';
}

function withEncoding(fields: readonly Field[], encoding: string | undefined): Buffer {
  const kept = fields.filter(({ name }) => name !== 'content-transfer-encoding').map(({ text }) => text);
  const added = encoding === undefined ? [] : [`Content-Transfer-Encoding: ${encoding}`];
  return Buffer.from([...kept, ...added, '', ''].join('\r\n'), 'latin1');
}
