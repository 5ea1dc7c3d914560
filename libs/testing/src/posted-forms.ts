/** A part of a form as a test writes it. */
export interface PostedPart {
  name: string;
  bytes: Buffer;
  file?: string;
  type?: string;
}

export interface PostedForm {
  contentType: string;
  body: Buffer;
}

/** `multipart/form-data` (RFC 7578) by hand, since a test wants its bytes as they are. */
export function multipartForm(parts: readonly PostedPart[], boundary = 'xYzZY7'): PostedForm {
  const chunks = parts.flatMap(({ name, bytes, file, type }) => {
    const fileName = file === undefined ? '' : `; filename="${file}"`;
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${fileName}\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`;
    return [Buffer.from(head), bytes, Buffer.from('\r\n')];
  });
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]) };
}

/** `application/x-www-form-urlencoded`, byte by byte. */
export function urlEncodedForm(parts: readonly PostedPart[]): PostedForm {
  const encoded = (bytes: Buffer) =>
    [...bytes].map((byte) => (byte === 0x20 ? '+' : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`)).join('');
  const body = parts.map(({ name, bytes }) => `${encodeURIComponent(name)}=${encoded(bytes)}`).join('&');
  return { contentType: 'application/x-www-form-urlencoded', body: Buffer.from(body) };
}

/** A sample of a form (`fields`, `files` with base64, `latin1`: fields in that character set) as its parts. */
export function partsOfSample(json: string): PostedPart[] {
  const sample: SampleForm = JSON.parse(json);
  const fields = Object.entries(sample.fields).map(([name, text]) => ({
    name,
    bytes: Buffer.from(text, sample.latin1?.includes(name) === true ? 'latin1' : 'utf8'),
  }));
  return [...fields, ...sample.files.map(({ base64, ...file }) => ({ ...file, bytes: Buffer.from(base64, 'base64') }))];
}

interface SampleForm {
  fields: Record<string, string>;
  files: { name: string; file: string; type: string; base64: string }[];
  latin1?: string[];
}
