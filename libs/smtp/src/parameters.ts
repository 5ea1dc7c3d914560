import { takeWish, type WishRules } from './delivery-wishes.ts';
import { parsePath, type Path } from './path.ts';
import { type Reply, replies } from './reply.ts';
import type { MailCommand, RcptCommand } from './server-types.ts';
import { parseSite } from './site-extension.ts';
import { decodeXtext } from './xtext.ts';

export interface ParameterRules extends WishRules {
  site: boolean; // XMAILRAIL is offered in this session
  maxMessageBytes: number;
}

type Parsed<Value> = { ok: true; value: Value } | { ok: false; reply: Reply };

/** The arguments of MAIL, RFC 5321 §4.1.1.2, behind the verb. */
export function parseMail(rest: string, rules: ParameterRules): Parsed<MailCommand> {
  const found = cut(rest, /^FROM: */i);
  if (found === undefined) return no(replies.badArguments);
  const parameters = parseParameters(found.parameters);
  if (parameters === undefined) return no(replies.badArguments);

  const mail: MailCommand = { sender: null, smtputf8: false };
  for (const [keyword, value] of parameters) {
    const wrong = mailParameter(mail, keyword, value, rules);
    if (wrong !== undefined) return no(wrong);
  }
  const path = parsePath(found.path, { empty: true, utf8: mail.smtputf8 });
  if (!path.ok) return no(pathReply(path, replies.badSenderAddress));
  if (path.mailbox !== '') mail.sender = path.mailbox;
  return { ok: true, value: mail };
}

function mailParameter(mail: MailCommand, keyword: string, value: string | undefined, rules: ParameterRules): Reply | undefined {
  const { extensions } = rules;
  switch (keyword) {
    case 'SIZE':
      if (!extensions.has('SIZE')) return replies.unknownParameter;
      if (value === undefined || !/^\d{1,20}$/.test(value)) return replies.badArguments;
      mail.sizeBytes = Number(value);
      return mail.sizeBytes > rules.maxMessageBytes ? replies.tooLarge : undefined;
    case 'BODY': {
      const [eight, binary] = [extensions.has('8BITMIME'), extensions.has('BINARYMIME')];
      if (!eight && !binary) return replies.unknownParameter;
      const body = value?.toUpperCase();
      if (body === '7BIT') mail.body = '7bit';
      else if (body === '8BITMIME' && eight) mail.body = '8bit';
      else if (body === 'BINARYMIME' && binary) mail.body = 'binary';
      else return replies.badArguments;
      return undefined;
    }
    case 'SMTPUTF8':
      if (!extensions.has('SMTPUTF8')) return replies.unknownParameter;
      if (value !== undefined) return replies.badArguments;
      mail.smtputf8 = true;
      return undefined;
    case 'RET': {
      if (!extensions.has('DSN')) return replies.unknownParameter;
      const ret = value?.toLowerCase();
      if (ret !== 'full' && ret !== 'hdrs') return replies.badArguments;
      mail.ret = ret;
      return undefined;
    }
    case 'ENVID': {
      if (!extensions.has('DSN')) return replies.unknownParameter;
      const envid = value === undefined || value.length > 100 ? undefined : decodeXtext(value);
      if (envid === undefined) return replies.badArguments;
      mail.envid = envid;
      return undefined;
    }
    case 'AUTH': {
      if (!extensions.has('AUTH')) return replies.unknownParameter;
      const auth = value === undefined || value.length > 500 ? undefined : decodeXtext(value);
      if (auth === undefined) return replies.badArguments;
      mail.auth = auth === '<>' ? null : auth;
      return undefined;
    }
    case 'XMAILRAIL': {
      if (!rules.site) return replies.unknownParameter;
      const site = value === undefined ? undefined : parseSite(value);
      if (site === undefined) return replies.badArguments;
      mail.site = site;
      return undefined;
    }
    default: {
      const wrong = takeWish(mail, keyword, value, rules);
      return wrong === 'other' ? replies.unknownParameter : wrong;
    }
  }
}

/** The arguments of RCPT, RFC 5321 §4.1.1.3, behind the verb. */
export function parseRcpt(rest: string, rules: ParameterRules, smtputf8: boolean): Parsed<RcptCommand> {
  const found = cut(rest, /^TO: */i);
  if (found === undefined) return no(replies.badArguments);
  const path = parsePath(found.path, { barePostmaster: true, utf8: smtputf8 });
  if (!path.ok) return no(pathReply(path, replies.badRecipientAddress));
  const rcpt: RcptCommand = { mailbox: path.mailbox, local: path.local, domain: path.domain };
  if (found.parameters === '') return { ok: true, value: rcpt };

  const parameters = parseParameters(found.parameters);
  if (parameters === undefined) return no(replies.badArguments);
  for (const [keyword, value] of parameters) {
    const wrong = rcptParameter(rcpt, keyword, value, rules);
    if (wrong !== undefined) return no(wrong);
  }
  return { ok: true, value: rcpt };
}

function rcptParameter(rcpt: RcptCommand, keyword: string, value: string | undefined, { extensions }: ParameterRules): Reply | undefined {
  if (!extensions.has('DSN')) return replies.unknownParameter;
  switch (keyword) {
    case 'NOTIFY': {
      const notify = parseNotify(value ?? '');
      if (notify === undefined) return replies.badArguments;
      rcpt.notify = notify;
      return undefined;
    }
    case 'ORCPT': {
      const form = /^([A-Za-z0-9-]{1,40});(.+)$/u.exec(value ?? '');
      const address = form === null || (value?.length ?? 0) > 500 ? undefined : decodeXtext(form[2] ?? '');
      if (form === null || address === undefined) return replies.badArguments;
      rcpt.orcpt = `${form[1]};${address}`;
      return undefined;
    }
    default:
      return replies.unknownParameter;
  }
}

/** RFC 3461 §4.1: NEVER alone, or some of the others, each once. */
function parseNotify(value: string): RcptCommand['notify'] {
  const words = value.toLowerCase().split(',');
  if (words.length === 1 && words[0] === 'never') return 'never';
  const notify: ('success' | 'failure' | 'delay')[] = [];
  for (const word of words) {
    if ((word !== 'success' && word !== 'failure' && word !== 'delay') || notify.includes(word)) return undefined;
    notify.push(word);
  }
  return notify;
}

/** Cuts `FROM:<path> parameters`. A space behind the colon is let pass, since many clients send it. */
function cut(rest: string, prefix: RegExp): { path: string; parameters: string } | undefined {
  const begin = prefix.exec(rest);
  if (begin === null) return undefined;
  const text = rest.slice(begin[0].length);
  // A quoted local part may hold a `>`; a quote that never closes holds nothing, and the path is malformed.
  const path = (/^<(?:"(?:[^"\\]|\\.)*"|[^">])*>/.exec(text) ?? /^<[^>]*>/.exec(text))?.[0];
  if (path === undefined) return undefined;
  const parameters = text.slice(path.length);
  return parameters === '' || parameters.startsWith(' ') ? { path, parameters: parameters.trim() } : undefined;
}

/** @returns undefined for what is no `KEYWORD[=value]` or a keyword that comes twice. */
function parseParameters(text: string): Map<string, string | undefined> | undefined {
  const parameters = new Map<string, string | undefined>();
  if (text === '') return parameters;
  for (const word of text.split(/ +/)) {
    const found = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\s\p{Cc}]+))?$/u.exec(word);
    const keyword = found?.[1]?.toUpperCase();
    if (keyword === undefined || parameters.has(keyword)) return undefined;
    parameters.set(keyword, found?.[2]);
  }
  return parameters;
}

function pathReply(path: Path & { ok: false }, malformed: Reply): Reply {
  if (path.reason === 'utf8') return replies.utf8Required;
  return path.reason === 'syntax' ? replies.badArguments : malformed;
}

function no(reply: Reply): { ok: false; reply: Reply } {
  return { ok: false, reply };
}
