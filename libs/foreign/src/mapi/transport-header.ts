import { visitFields } from '@mailrail/mail';

/** The most of the header a message came with that is read. */
const maxBytes = 262_144;
const maxFields = 1_000;
const maxFieldBytes = 16_384;

/** Fields that speak of a form of the content that it has no longer. */
const dropped = /^(?:content-.*|mime-version|bcc|resent-bcc|return-path|x-ms-tnef-correlator|x-mailrail-.*)$/;
/** Signatures over a form of the message that cannot be made again, and a way that was another way. */
const renamed = /^(?:dkim-signature|domainkey-signature|arc-.*|authentication-results|received|received-spf)$/;

interface Field {
  name: string; // lower case
  line: string; // with its line end
}

/**
 * The header a message once came with, put before a message that was made anew of its properties: what it says wins, and what it does
 * not say comes from the properties. Fields about the old content are left out; signatures, which no longer hold, and the old trace
 * are kept as `X-Foreign-...`.
 */
export async function* withTransportHeader(header: string, message: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const given = transportFields(header);
  const names = new Set(given.map(({ name }) => name));
  let begun: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of message) {
    if (begun === undefined) {
      yield chunk;
      continue;
    }
    begun = Buffer.concat([begun, chunk]);
    const end = begun.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const made = fieldsIn(begun.subarray(0, end + 2)).filter(({ name }) => !names.has(name));
    yield Buffer.from([...given, ...made].map(({ line }) => line).join(''));
    yield begun.subarray(end + 2);
    begun = undefined;
  }
  if (begun !== undefined) yield begun;
}

/** The fields of a header as text. Those that are not ASCII, or too long, are left out: the properties have their values, too. */
function transportFields(header: string): Field[] {
  const lines = header
    .slice(0, maxBytes)
    .replaceAll(/\r\n?|\n/g, '\r\n')
    .replace(/^\s*(?:Microsoft Mail Internet Headers[^\r\n]*\r\n)?/, '');
  const once = new Set<string>();
  return fieldsIn(Buffer.from(`${lines.trimEnd()}\r\n`)).flatMap(({ name, line }) => {
    if (dropped.test(name) || line.length > maxFieldBytes || !/^[\t -~]+(?:\r\n[\t ][\t -~]*)*\r\n$/.test(line)) return [];
    if (singles.has(name)) {
      if (once.has(name)) return [];
      once.add(name);
    }
    return renamed.test(name) ? [{ name: `x-foreign-${name}`, line: `X-Foreign-${line}` }] : [{ name, line }];
  });
}

/** Fields a message has once at most (RFC 5322 §3.6). */
const singles = new Set('date from sender reply-to to cc message-id in-reply-to references subject'.split(' '));

function fieldsIn(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  visitFields(bytes, (start, nameEnd, _valueStart, end) => {
    fields.push({ name: bytes.toString('latin1', start, nameEnd).toLowerCase(), line: bytes.toString('utf8', start, end) });
    return fields.length >= maxFields ? false : undefined;
  });
  return fields;
}
