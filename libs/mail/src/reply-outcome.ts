import { oneLine } from './one-line.ts';
import { withClass } from './status.ts';

/** The command a remote answered: `connect` is its greeting, `content` the end of data, the last BDAT or LMTP's answer for one recipient. */
export type ReplyPhase = 'connect' | 'hello' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'content';

export interface ReplyOutcome {
  /** `delivered`: the remote said yes to this step; only in phase `content` it has the message. */
  kind: 'delivered' | 'transient' | 'permanent';
  /** RFC 3463, its class always that of `kind`. */
  status: string;
  /**
   * What the answer is about: `destination` (this host, so back off from it and try the next one), `message` (all recipients
   * of this transaction), `recipient` (this one), `transaction` (begin another one with the recipients that are left).
   */
  about: 'destination' | 'message' | 'recipient' | 'transaction';
  /** The reply in one line, at most 200 characters (S6). */
  reply: string;
}

interface Row {
  codes: readonly number[] | 4 | 5; // a digit is the whole class
  phases?: readonly ReplyPhase[]; // default all
  /** Only without an enhanced code, or with one of these. */
  enhanced?: readonly string[];
  kind: 'transient' | 'permanent';
  status: string; // when the remote gave none
  about?: ReplyOutcome['about']; // default by phase
}

const session: readonly ReplyPhase[] = ['connect', 'hello', 'starttls', 'auth'];

/** Which refusal means what, the first row that fits. RFC 5321 §4.2 unless a row says otherwise. */
const rows: readonly Row[] = [
  // The host is going away, whatever it was asked.
  { codes: [421], kind: 'transient', status: '4.3.2', about: 'destination' },
  // RFC 7504: this host never takes mail. Final, unless the caller finds another host to ask.
  { codes: [521], phases: ['connect', 'hello'], kind: 'permanent', status: '5.3.2', about: 'destination' },
  // RFC 7504, 7505: the domain takes no mail at all.
  { codes: [556], kind: 'permanent', status: '5.1.10' },
  // 5xx before MAIL speaks of the two hosts (a block list, our name, a wrong password), never of this mail: somebody may mend it
  // before the mail expires. EHLO itself is not looked up here: a refusal of EHLO means HELO (RFC 5321 §3.2), only HELO's counts.
  { codes: 5, phases: ['auth'], kind: 'transient', status: '4.7.8', about: 'destination' },
  { codes: 5, phases: ['starttls'], kind: 'transient', status: '4.7.0', about: 'destination' },
  { codes: 5, phases: session, kind: 'transient', status: '4.3.2', about: 'destination' },
  { codes: [454], kind: 'transient', status: '4.7.0', about: 'destination' },
  { codes: 4, phases: session, kind: 'transient', status: '4.3.2', about: 'destination' },
  // Authentication or TLS is wanted first (RFC 4954 §6, RFC 3207 §4): our configuration, not this mail.
  { codes: [530, 534, 538], kind: 'transient', status: '4.7.0', about: 'destination' },
  // Out of step: a lost reply or a mended session. A new connection begins anew.
  { codes: [503], kind: 'transient', status: '4.5.1', about: 'destination' },
  // RFC 5321 §4.5.3.1.10: too many recipients, the rest in another transaction. RFC 821 gave 552 for it, and some still do;
  // one that says mailbox full or message too large in its enhanced code means that.
  {
    codes: [452],
    phases: ['rcpt'],
    enhanced: ['4.5.3', '5.5.3', '4.3.1', '4.0.0'],
    kind: 'transient',
    status: '4.5.3',
    about: 'transaction',
  },
  {
    codes: [552],
    phases: ['rcpt'],
    enhanced: ['5.5.3', '4.5.3', '5.0.0', '5.3.0'],
    kind: 'transient',
    status: '4.5.3',
    about: 'transaction',
  },
  // Greylisting answers 450 or 451 to one recipient; the others may pass.
  { codes: [450], kind: 'transient', status: '4.2.0' },
  { codes: [451], kind: 'transient', status: '4.3.0' },
  { codes: [452], kind: 'transient', status: '4.3.1' },
  { codes: [455], kind: 'transient', status: '4.5.4' },
  { codes: 4, kind: 'transient', status: '4.0.0' },
  // The message is larger than the server takes, RFC 1870 §6.
  { codes: [552], phases: ['mail', 'data', 'content'], kind: 'permanent', status: '5.3.4' },
  { codes: [552], kind: 'permanent', status: '5.2.2' },
  { codes: [500, 502], kind: 'permanent', status: '5.5.1' },
  { codes: [501], phases: ['mail'], kind: 'permanent', status: '5.1.7' },
  { codes: [501, 553], phases: ['rcpt'], kind: 'permanent', status: '5.1.3' },
  { codes: [553], phases: ['mail'], kind: 'permanent', status: '5.1.7' },
  { codes: [501, 504, 555], kind: 'permanent', status: '5.5.4' },
  { codes: [551], kind: 'permanent', status: '5.1.6' },
  // Without an enhanced code 550 may be anything from an unknown mailbox to a block list: say no more than is known.
  { codes: 5, kind: 'permanent', status: '5.0.0' },
];

const positive: Readonly<Partial<Record<ReplyPhase, string>>> = { mail: '2.1.0', rcpt: '2.1.5', content: '2.6.0' };

/**
 * What a remote's reply means for the mail.
 *
 * The basic code decides; an enhanced code refines it, and where the two contradict (`450 5.7.1` is seen) its class is put right.
 * What is no SMTP reply at all, or one that cannot answer this command (`250` to DATA, `354` to RCPT), is transient.
 *
 * @param enhanced RFC 2034 code at the beginning of the text, if the peer gave one.
 * @param text the lines of the reply, foreign text.
 */
export function replyOutcome(code: number, enhanced: string | undefined, text: string, phase: ReplyPhase): ReplyOutcome {
  const known = enhanced !== undefined && /^[245]\.\d{1,3}\.\d{1,3}$/.test(enhanced) ? enhanced : undefined;
  const reply = oneLine(`${code} ${known !== undefined && !text.startsWith(known) ? `${known} ` : ''}${text}`);
  if (isYes(code, phase))
    return { kind: 'delivered', status: withClass(known ?? positive[phase] ?? '2.0.0', 2), about: aboutOf(phase), reply };
  const row = rows.find((one) => fits(one, code, phase, known));
  // Neither yes nor no: the peer and we are out of step.
  if (row === undefined) return { kind: 'transient', status: '4.5.0', about: 'destination', reply };
  return {
    kind: row.kind,
    // X.0.0 says no more than the code; our table may know better.
    status: known === undefined || known.endsWith('.0.0') ? row.status : withClass(known, row.kind === 'transient' ? 4 : 5),
    about: row.about ?? aboutOf(phase),
    reply,
  };
}

function isYes(code: number, phase: ReplyPhase): boolean {
  if (phase === 'data') return code === 354;
  return Number.isInteger(code) && code >= 200 && code <= 299; // 251 (will forward) and 252 (will try) are a yes, too
}

function fits(row: Row, code: number, phase: ReplyPhase, enhanced: string | undefined): boolean {
  const byCode = typeof row.codes === 'number' ? Math.floor(code / 100) === row.codes : row.codes.includes(code);
  if (!byCode || (row.phases !== undefined && !row.phases.includes(phase))) return false;
  return row.enhanced === undefined || enhanced === undefined || row.enhanced.includes(enhanced);
}

function aboutOf(phase: ReplyPhase): ReplyOutcome['about'] {
  if (phase === 'rcpt') return 'recipient';
  return session.includes(phase) ? 'destination' : 'message';
}
