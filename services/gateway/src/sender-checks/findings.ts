import { oneLine } from '@mailrail/mail';
import { type Reply, replies } from '@mailrail/smtp';

/** What the checks of one message came to, in the words of RFC 8601 §2.7. */
export interface Findings {
  dkim: readonly { result: string; domain: string; selector: string; signature: string }[]; // at most `maxSignatures`
  spf: { result: string; property: 'mailfrom' | 'helo'; domain: string };
  dmarc: { result: string; from: string; policy: string } | undefined; // undefined without one author domain
  arc: { result: string } | undefined;
}

/** Signatures that are looked at; the others of a message count as not there (RFC 6376 §6.1). */
export const maxSignatures = 10;

const token = /^[A-Za-z0-9!#$%&'*+/?^_`{|}~@.-]{1,200}$/; // RFC 2045 §5.1, and what a domain with a local part needs

/** A value in a field: foreign text, so only printable ASCII and never more than a word (S6). */
function word(text: string): string {
  if (token.test(text)) return text;
  return `"${oneLine(text).replace(/[^\x20-\x7e]|["\\]/g, '_')}"`;
}

function result(text: string): string {
  return /^[a-z]{1,20}$/.test(text) ? text : 'none';
}

/**
 * The `Authentication-Results` field with its line end (RFC 8601). One line for each result, so that none is longer than 998.
 *
 * @param host our authserv-id. @param findings undefined when nothing could be checked: then it says `none`.
 */
export function authenticationResults(host: string, findings: Findings | undefined): string {
  if (findings === undefined) return `Authentication-Results: ${host}; none\r\n`;
  const { dkim, spf, dmarc, arc } = findings;
  const lines = dkim.slice(0, maxSignatures).map(({ result: how, domain, selector, signature }) => {
    const known = Object.entries({ d: domain, s: selector, b: signature.slice(0, 8) }).filter(([, value]) => value !== '');
    return [`dkim=${result(how)}`, ...known.map(([tag, value]) => `header.${tag}=${word(value)}`)].join(' ');
  });
  if (lines.length === 0) lines.push('dkim=none');
  lines.push(`spf=${result(spf.result)} smtp.${spf.property}=${word(spf.domain)}`);
  lines.push(
    dmarc === undefined
      ? 'dmarc=none'
      : `dmarc=${result(dmarc.result)} header.from=${word(dmarc.from)}${dmarc.policy === '' ? '' : ` policy.dmarc=${word(dmarc.policy)}`}`,
  );
  if (arc !== undefined && arc.result !== 'none') lines.push(`arc=${result(arc.result)}`);
  return `Authentication-Results: ${host};\r\n\t${lines.join(';\r\n\t')}\r\n`;
}

/**
 * Whether a message is to be refused: its author's domain wants that of what fails DMARC, or the reverse-path's domain says that
 * this client never sends for it and nothing else speaks for the author. What the DNS did not answer speaks for nobody and against
 * nobody: such a message is taken (design invariant 7).
 */
export function refusalFor({ dkim, spf, dmarc }: Findings): Reply | undefined {
  if (dmarc?.result === 'pass') return undefined;
  const unanswered = spf.result === 'temperror' || dmarc?.result === 'temperror' || dkim.some(({ result: one }) => one === 'temperror');
  if (unanswered) return undefined;
  if (dmarc?.result === 'fail' && dmarc.policy === 'reject') return replies.dmarcFailed;
  return spf.result === 'fail' ? replies.spfFailed : undefined;
}
