import { parseDateTime } from '@mailrail/mail';
import addressparser from 'nodemailer/lib/addressparser';
import type { ComposedFile, Composition, HeaderAddress } from '../compose.ts';
import { shownName } from '../file-name.ts';

/** A mail a provider has taken apart. */
export interface ParsedMail {
  headers: readonly (readonly [name: string, value: string])[]; // in order
  text: string;
  html?: string | undefined;
  files: readonly ComposedFile[];
}

/** What is made anew, or speaks of a form that is gone: signatures over it would be wrong, and say so. */
const remade = new Set(
  `from to cc bcc sender reply-to subject date message-id mime-version return-path dkim-signature domainkey-signature
  x-google-dkim-signature arc-seal arc-message-signature arc-authentication-results`.split(/\s+/),
);
const maxHeaders = 300;
const dropped = /^(?:content-|resent-bcc$|x-mailgun-|x-mailrail-)/;

/** The message as a composition: its own fields stay, `Received` too, so that a loop is seen. */
export function compositionOf({ headers, text, html, files }: ParsedMail): Composition {
  const first = (name: string) => headers.find(([one]) => one.toLowerCase() === name)?.[1];
  const listed = (name: string) => headers.filter(([one]) => one.toLowerCase() === name).flatMap(([, value]) => addressesIn(value));
  const [from] = listed('from');
  const [sender] = listed('sender');
  const replyTo = listed('reply-to');
  const date = parseDateTime(first('date') ?? '');
  const messageId = /<[!-;=?-~]{1,900}>/.exec(first('message-id') ?? '')?.[0];
  const subject = first('subject');
  return {
    ...(from === undefined ? {} : { from }),
    ...(sender === undefined ? {} : { sender }),
    ...(replyTo.length === 0 ? {} : { replyTo }),
    to: listed('to'),
    cc: listed('cc'),
    ...(subject === undefined ? {} : { subject }),
    ...(date === undefined ? {} : { date }),
    ...(messageId === undefined ? {} : { messageId }),
    kept: headers
      .slice(0, maxHeaders)
      .filter(([name]) => /^[A-Za-z0-9-]{1,76}$/.test(name) && !remade.has(name.toLowerCase()) && !dropped.test(name.toLowerCase()))
      .map(([name, value]) => ({ name, value })),
    text,
    ...(html === undefined || html === '' ? {} : { html }),
    files,
  };
}

/** A file of the mail. @param type as the provider says it; only the bare form of one is believed. */
export function fileOf(name: string | undefined, type: string | undefined, bytes: Buffer, contentId: string | undefined): ComposedFile {
  const bare = type?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const cid = contentId?.replace(/^<|>$/g, '') ?? '';
  return {
    name: shownName(name ?? '', 'attachment'),
    bytes,
    // A multipart or a message as a file would be read as a part of this message.
    ...(/^(?!multipart\/|message\/)[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*$/.test(bare) ? { type: bare } : {}),
    ...(/^[!-;=?-~]{1,200}$/.test(cid) ? { cid } : {}),
  };
}

export function addressesIn(value: string): HeaderAddress[] {
  return addressparser(value.slice(0, 100_000), { flatten: true })
    .filter(({ address }) => address.includes('@'))
    .slice(0, 1_000)
    .map(({ address, name }) => ({ address: `SMTP:${address}`, ...(name === '' ? {} : { name }) }));
}

/** The mailbox of an address that may stand in angle brackets; null for the empty one, undefined for none. */
export function pathIn(text: string | undefined): string | null | undefined {
  if (text === undefined) return undefined;
  const inner = /^\s*<(.*)>\s*$/.exec(text)?.[1] ?? text.trim();
  return inner === '' ? null : inner;
}
