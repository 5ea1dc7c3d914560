import type { SiteParameters } from './site-extension.ts';

/** A reply as a server gave it. `text` has the lines joined by line feeds, status codes taken off; it is foreign text. */
export interface RemoteReply {
  code: number;
  enhanced?: string; // RFC 3463, only where it agrees with `code`
  text: string;
}

export interface ClientOptions {
  /** Our own name, for EHLO. */
  hostname: string;
  /** `lmtp` (RFC 2033): LHLO, and after the message one reply for each recipient that was accepted. Default `smtp`. */
  protocol?: 'smtp' | 'lmtp';
  /** `required`: without TLS no mail is sent and the session ends. Default `opportunistic`. */
  tls?: 'never' | 'opportunistic' | 'required';
  /** The connection is inside TLS from its first byte. */
  secure?: boolean;
  auth?: { user: string; password: string };
  /** Credentials may go over a connection without TLS (loopback). Default false. */
  cleartextAuth?: boolean;
  /** XMAILRAIL is wanted: after AUTH the server is asked again what it offers. */
  site?: boolean;
}

/** What a server offers, by RFC keyword. */
export interface Capabilities {
  esmtp: boolean; // false after HELO
  pipelining: boolean;
  size: number | undefined; // bytes; 0 when offered without a limit
  eightBit: boolean;
  smtputf8: boolean;
  dsn: boolean;
  enhancedStatusCodes: boolean;
  starttls: boolean;
  chunking: boolean;
  binary: boolean; // BINARYMIME
  priority: boolean; // MT-PRIORITY
  deliverBy: number | undefined; // the shortest time in seconds; 0 when offered without one
  requireTls: boolean;
  auth: readonly string[];
  site: boolean; // XMAILRAIL
}

/** One mail to hand over. Addresses are bare mailboxes. */
export interface OutgoingMail {
  sender: string | null;
  recipients: readonly OutgoingRecipient[]; // at least one
  sizeBytes?: number;
  /** `8bit` needs 8BITMIME at the server, `binary` BINARYMIME and CHUNKING, and `sizeBytes`; absent says nothing of it. */
  body?: '7bit' | '8bit' | 'binary';
  smtputf8?: boolean;
  envid?: string; // plain; xtext is made here
  ret?: 'full' | 'hdrs';
  site?: SiteParameters;
  /** Said where they are offered; whether they may be left out elsewhere is the caller's to decide. */
  priority?: number; // -9 to 9
  deliverBy?: { seconds: number; mode: 'return' | 'notify'; trace: boolean };
  requireTls?: boolean;
}
export interface OutgoingRecipient {
  mailbox: string;
  notify?: 'never' | readonly ('success' | 'failure' | 'delay')[];
  orcpt?: string; // `rfc822;ada@corp.example`, plain
}

/** Where a session is; hosts choose their time limits by it (RFC 5321 §4.5.3.2). */
export type ClientStep =
  | 'greeting'
  | 'ehlo'
  | 'starttls' // waits for the reply, then for `tlsStarted`
  | 'auth'
  | 'idle' // ready for a mail
  | 'envelope' // MAIL, RCPT and DATA
  | 'content' // the host is writing
  | 'final' // the dot is sent
  | 'reset'
  | 'quit'
  | 'closed';

/** What became of one recipient. */
export type RecipientAnswer =
  | { kind: 'accepted'; reply: RemoteReply }
  /** 5xx: for good. */
  | { kind: 'refused'; step: AnswerStep; reply: RemoteReply }
  /** 4xx: for now. */
  | { kind: 'deferred'; step: AnswerStep; reply: RemoteReply }
  /** The server does not offer what the mail needs, or an address cannot be said; no command was sent. */
  | { kind: 'unsupported'; status: string; reason: string }
  /** The session ended first. `afterDot`: the server may have the mail. */
  | { kind: 'lost'; afterDot: boolean; reason: string };
export type AnswerStep = 'mail' | 'rcpt' | 'data' | 'content';

export type ClientEvent =
  | { kind: 'send'; bytes: Buffer }
  /** Bring up TLS on the connection, then call `tlsStarted`. */
  | { kind: 'starttls' }
  /** A mail may be started: at first, and again after each mail. */
  | { kind: 'ready'; greeting: string; capabilities: Capabilities; tls: boolean; authenticated: boolean }
  /** Write the content, then call `endContent`. */
  | { kind: 'content' }
  /** One mail is over; answers are in the order of its recipients. `ready` or `closed` follows. */
  | { kind: 'answered'; answers: readonly RecipientAnswer[] }
  /** The session is over: close the connection. `reply` is what the server said to end it, if it did. */
  | { kind: 'closed'; reason: string; reply?: RemoteReply; step: ClientStep };
