import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import type { Recipient, RoutedMail } from '@mailrail/contracts';
import { mailTo, messageBytes } from '@mailrail/testing';

/** A content store that only reads. */
export function storeOf(bodies: Readonly<Record<string, Buffer | (() => Iterable<Buffer> | AsyncIterable<Buffer>)>>): ContentStore {
  const find = (ref: string) => {
    const body = bodies[ref];
    if (body === undefined) throw new ContentStoreError('missing', 'no such body');
    return body;
  };
  const unused = () => {
    throw new Error('a connector only reads');
  };
  return {
    read(ref, range = {}) {
      const body = find(ref);
      return Readable.from(Buffer.isBuffer(body) ? pieces(body.subarray(range.start ?? 0)) : body());
    },
    head: async (ref, maxBytes) => {
      const body = find(ref);
      if (!Buffer.isBuffer(body)) throw new Error('only read as a stream');
      return body.subarray(0, maxBytes);
    },
    writer: unused,
    put: unused,
    size: unused,
    verify: unused,
    hold: unused,
    release: unused,
    filePath: () => undefined,
    sweep: unused,
    probe: unused,
  };
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384);
}

export const returnPath = 'Return-Path: <zoe@elsewhere.example>\r\n';

/** The stored form of a message (E1). */
export function stored(message: Buffer = messageBytes()): Buffer {
  return Buffer.concat([Buffer.from(returnPath), message]);
}

/** A mail for a connector, whose body is `stored`. */
export function routedTo(
  recipients: readonly string[],
  more: Partial<RoutedMail> & { bytes?: Buffer; notify?: Recipient['notify'] } = {},
): RoutedMail {
  const { bytes = stored(), notify, ...rest } = more;
  const mail = mailTo(recipients);
  const wishes = notify === undefined ? {} : { notify };
  return {
    ...mail,
    recipients: mail.recipients.map((recipient) => ({ ...recipient, ...wishes })),
    renderedAt: 0,
    submittedAt: 0,
    categorizedAt: 0,
    connector: 'internet',
    destination: 'remote.example',
    routedBy: 'SMTP:* cost 10',
    content: {
      ref: 'body',
      sizeBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      body: '7bit',
      smtputf8: false,
      relayOffset: returnPath.length,
    },
    ...rest,
  };
}
