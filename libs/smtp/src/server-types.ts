import type { Reply } from './reply.ts';
import type { ScramCredential } from './scram.ts';
import type { SiteParameters } from './site-extension.ts';
import type { XclientCommand } from './xclient.ts';

/** Extensions of a listener. What is listed is offered by EHLO and works; what is not is refused as unknown. */
export type Extension =
  | 'PIPELINING' // RFC 2920
  | 'SIZE' // RFC 1870
  | '8BITMIME' // RFC 6152
  | 'SMTPUTF8' // RFC 6531
  | 'DSN' // RFC 3461
  | 'ENHANCEDSTATUSCODES' // RFC 2034
  | 'CHUNKING' // RFC 3030: BDAT
  | 'BINARYMIME' // RFC 3030 §3: BODY=BINARYMIME, content by BDAT alone
  | 'LIMITS' // RFC 9422
  | 'FUTURERELEASE' // RFC 4865; for submission
  | 'MT-PRIORITY' // RFC 6710
  | 'DELIVERBY' // RFC 2852
  | 'REQUIRETLS' // RFC 8689; offered inside TLS
  | 'STARTTLS' // RFC 3207; offered until TLS is active
  | 'AUTH'; // RFC 4954; offered where credentials are safe

export const allExtensions = [
  'PIPELINING',
  'SIZE',
  '8BITMIME',
  'SMTPUTF8',
  'DSN',
  'ENHANCEDSTATUSCODES',
  'CHUNKING',
  'BINARYMIME',
  'LIMITS',
  'FUTURERELEASE',
  'MT-PRIORITY',
  'DELIVERBY',
  'REQUIRETLS',
  'STARTTLS',
  'AUTH',
] as const satisfies readonly Extension[];

export interface ServerOptions {
  /** Default `smtp`. `lmtp` (RFC 2033): LHLO instead of HELO and EHLO, and a content is answered once for each recipient accepted. */
  protocol?: 'smtp' | 'lmtp';
  /** Our own name: the first word of the greeting and of the reply to EHLO. */
  hostname: string;
  /** What follows the name in the greeting. Default `ESMTP`, or `LMTP`. */
  banner?: string;
  extensions: readonly Extension[];
  maxMessageBytes: number;
  /** Default 1 MB. */
  maxHeaderBytes?: number;
  maxRecipients: number;
  /** Mails in one session, then 421; without it as many as come. */
  maxMails?: number;
  /** The longest a mail may be asked to be held (FUTURERELEASE), from MAIL on. Default none: every wish is refused. */
  maxHoldMs?: number;
  /** BY with mode R for less is refused (DELIVERBY). Default 1. */
  minDeliverBySeconds?: number;
  /** Milliseconds since the epoch, for what is said in dates. Default the system's clock. */
  now?: () => number;
  /** MAIL only after AUTH. */
  requireAuth?: boolean;
  /** Nothing but EHLO, NOOP, STARTTLS and QUIT before TLS. */
  requireTls?: boolean;
  /** AUTH is offered without TLS, too: for a listener on loopback. */
  cleartextAuth?: boolean;
  /** The peer is a proxy whose word counts: XCLIENT is offered, and asked about. Elsewhere it is an unknown command. */
  xclient?: boolean;
  /** SCRAM-SHA-256 (RFC 7677) is offered beside PLAIN and LOGIN: the host answers `scram`. */
  scram?: boolean;
  /** The server's part of a SCRAM nonce; default 18 bytes at random in base64. */
  nonce?: () => string;
  /** The connection is inside TLS from its first byte. */
  secure?: boolean;
  /** Mistakes of the client before 421; default 20. */
  maxErrors?: number;
  /** Failed AUTH exchanges before 421; default 3. */
  maxAuthFailures?: number;
  /** Recipients the host refused for good before 421: somebody is guessing. Default 100. */
  maxRefusedRecipients?: number;
}

/** MAIL as it was said; addresses are bare mailboxes. */
export interface MailCommand {
  sender: string | null;
  sizeBytes?: number; // declared
  body?: '7bit' | '8bit' | 'binary'; // declared
  smtputf8: boolean;
  ret?: 'full' | 'hdrs';
  envid?: string; // xtext undone
  /** RFC 4954 §5: who submitted the mail, as the client says; null for AUTH=<>. */
  auth?: string | null;
  site?: SiteParameters;
  /** Not to be on its way before, milliseconds since the epoch: HOLDFOR or HOLDUNTIL. */
  holdUntil?: number;
  priority?: number; // -9 to 9, MT-PRIORITY
  /** BY: in so many seconds (negative ones with `notify`: it is late already), or it is returned, or its sender told of the delay. */
  deliverBy?: { seconds: number; mode: 'return' | 'notify'; trace: boolean };
  /** REQUIRETLS: over verified TLS all the way, or not at all. */
  requireTls?: boolean;
}

export interface RcptCommand {
  mailbox: string; // `postmaster` without a domain is possible
  local: string;
  domain: string; // empty for that `postmaster`; as it was given otherwise
  notify?: 'never' | ('success' | 'failure' | 'delay')[];
  orcpt?: string; // `rfc822;ada@corp.example`, xtext undone
}

/** What a complete content was like. */
export interface ContentFacts {
  sizeBytes: number; // dots unstuffed, the end of data not counted; a line end that BDAT left out counted
  headerBytes: number; // the empty line included; all of it when there is none
  eightBit: boolean;
}

/** Why a content is not to be had. */
export type ContentFault =
  | 'bare-line-end'
  | 'nul'
  | 'too-large'
  | 'header-too-large'
  | 'reset' // between two chunks of BDAT
  | 'client-gone'
  | 'session-ended';

/**
 * What happens in a session. Events marked `?` are questions: the session goes on only after `answer` (or `answerTls`); there is
 * at most one open at a time. All others are told and need nothing.
 */
export type ServerEvent =
  /** Bytes for the client; several replies at once where they belong to one group of commands. */
  | { kind: 'send'; bytes: string }
  /** So much input waits for an answer that the connection should not be read until `resume`. */
  | { kind: 'pause' }
  | { kind: 'resume' }
  | { kind: 'hello'; name: string; esmtp: boolean }
  | { kind: 'mail'; mail: MailCommand } // ?
  | { kind: 'rcpt'; rcpt: RcptCommand } // ?
  /** DATA, or the first BDAT, with at least one recipient accepted. Accepting lets content come. */
  | { kind: 'data' } // ?
  | { kind: 'chunk'; bytes: Buffer } // parts of what `receive` was given, not copies
  /** The content is complete and good. The answer is the reply to the final dot, or to BDAT LAST, with LMTP for every recipient. */
  | { kind: 'content-end'; facts: ContentFacts } // ?
  /** The content that came so far is to be dropped; more may follow on the wire, which is not passed on. */
  | { kind: 'content-abort'; fault: ContentFault }
  | { kind: 'auth'; mechanism: 'PLAIN' | 'LOGIN'; user: string; password: string; authzid: string } // ?
  /** Somebody begins SCRAM: accept with the user's credential, with a decoy where there is no such user. */
  | { kind: 'scram'; user: string } // ?
  /** SCRAM has come to its end; `proved` says whether with the right password. Accept nobody else. */
  | { kind: 'auth'; mechanism: 'SCRAM-SHA-256'; user: string; authzid: string; proved: boolean } // ?
  /** A proxy says who its client is. Accepting forgets everything said so far and greets anew. */
  | { kind: 'xclient'; client: XclientCommand } // ?
  /** The transaction is over or forgotten: RSET, EHLO, STARTTLS, refusal of a content. Nothing is told after `content-end`. */
  | { kind: 'reset' }
  /** Accepting sends 220; then bring up TLS and call `tlsStarted`. `discarded` bytes had come behind the command and are gone. */
  | { kind: 'starttls'; discarded: number } // ?
  /** A reply the session or its host gave that refuses something (4xx, 5xx): for logs and counts. */
  | { kind: 'refused'; command: string; reply: Reply }
  /** The session is over; close the connection when everything is sent. */
  | { kind: 'close'; reason: 'quit' | 'errors' | 'refused' | 'ended' };

/** A host's answer to a question: yes (with another text and status, if any) or a reply of 400 and above. 421 ends the session. */
export type Answer = { accept: true; text?: string; enhanced?: string; scram?: ScramCredential } | { accept: false; reply: Reply };

export const accept: Answer = { accept: true };
export function reject(reply: Reply): Answer {
  return { accept: false, reply };
}
