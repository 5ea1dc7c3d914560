import { encodeXtext, smtpMailbox } from '@mailrail/mail';
import type { OutMessage } from './file-writer.ts';

/** Parameters of MAIL, RFC 3461 §4 and RFC 6152, each with a blank before it. */
export function mailWords({ envid, ret, body, smtputf8 }: OutMessage): string {
  return [
    body === '7bit' ? '' : ' BODY=8BITMIME',
    smtputf8 ? ' SMTPUTF8' : '',
    ret === undefined ? '' : ` RET=${ret.toUpperCase()}`,
    envid === undefined ? '' : ` ENVID=${encodeXtext(envid)}`,
  ].join('');
}

/** Parameters of RCPT, RFC 3461 §4. */
export function rcptWords({ notify, orcpt }: OutMessage['recipients'][number]): string {
  const wishes = notify === 'never' ? 'NEVER' : notify?.join(',').toUpperCase();
  const [, type = '', value = ''] = /^([A-Za-z0-9-]+);(.*)$/s.exec(orcpt ?? '') ?? [];
  return `${wishes === undefined ? '' : ` NOTIFY=${wishes}`}${type === '' ? '' : ` ORCPT=${type};${encodeXtext(value)}`}`;
}

/** A path of SMTP. Control characters, which no mailbox that came this far has, would end a line. */
export function pathOf(address: string | null): string {
  return `<${address === null ? '' : (smtpMailbox(address) ?? '').replaceAll(/\p{Cc}/gu, '')}>`;
}
