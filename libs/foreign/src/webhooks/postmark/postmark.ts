import { reject } from '../../foreign-file.ts';
import { fieldsIn, jsonIn, listIn, stringIn } from '../json.ts';
import { compositionOf, fileOf, pathIn } from '../parsed-mail.ts';
import type { WebhookDialect } from '../webhook.ts';

/**
 * Postmark inbound: JSON, with the whole message in `RawEmail` when that is switched on. 200 is taken, 403 is never sent again,
 * anything else is, ten times in ten hours. It signs nothing: its address holds a password.
 */
export const postmark: WebhookDialect = {
  name: 'postmark',
  types: ['application/json'],
  read({ body }) {
    const message = jsonIn(body.toString('utf8'));
    const fields = fieldsIn(message);
    const text = (name: string) => stringIn(fields[name]);
    const id = text('MessageID');
    const recipient = pathIn(text('OriginalRecipient'));
    if (id === undefined || id === '') return reject('unrecognised', 'this is no message of Postmark: there is no MessageID');
    if (recipient === undefined || recipient === null) return reject('envelope', 'there is no OriginalRecipient', 'OriginalRecipient');
    const headers = listIn(fields['Headers']).flatMap((one): [string, string][] => {
      const { Name: name, Value: value } = fieldsIn(one);
      return typeof name === 'string' && typeof value === 'string' ? [[name, value]] : [];
    });
    const returnPath = headers.find(([name]) => name.toLowerCase() === 'return-path')?.[1];
    const sender = pathIn(returnPath) ?? (returnPath === undefined ? pathIn(text('From')) : null);
    if (sender === undefined) return reject('envelope', 'there is no sender', 'From');
    const mail = { kind: 'mail' as const, id: `${id}\n${recipient}`, sender, recipients: [recipient] };
    const raw = text('RawEmail');
    if (raw !== undefined && raw !== '') return { ...mail, content: { kind: 'raw', bytes: Buffer.from(raw) } };
    const composition = compositionOf({
      headers: [
        ...headers,
        ...people('From', [fields['FromFull']]),
        ...people('To', listIn(fields['ToFull'])),
        ...people('Cc', listIn(fields['CcFull'])),
        ...(['ReplyTo', 'Subject', 'Date'] as const).flatMap((name): [string, string][] => {
          const value = text(name);
          return value === undefined || value === '' ? [] : [[name === 'ReplyTo' ? 'Reply-To' : name, value]];
        }),
      ],
      text: text('TextBody') ?? '',
      html: text('HtmlBody'),
      files: listIn(fields['Attachments']).map((one) => {
        const { Name: name, Content: content, ContentType: type, ContentID: cid } = fieldsIn(one);
        return fileOf(stringIn(name), stringIn(type), Buffer.from(stringIn(content) ?? '', 'base64'), stringIn(cid));
      }),
    });
    return { ...mail, content: { kind: 'parsed', composition } };
  },
};

/** `{ Email, Name }` as a header has it. */
function people(header: string, list: readonly unknown[]): [string, string][] {
  return list.flatMap((one): [string, string][] => {
    const { Email: email, Name: name } = fieldsIn(one);
    if (typeof email !== 'string' || email === '') return [];
    const quoted = typeof name === 'string' && name !== '' ? `"${name.replaceAll(/["\\]/g, '\\$&')}" ` : '';
    return [[header, `${quoted}<${email}>`]];
  });
}
