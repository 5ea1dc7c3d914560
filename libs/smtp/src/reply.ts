/** A reply to a command, RFC 5321 §4.2: `code`, RFC 3463 status where there is one, and a text of printable ASCII. */
export interface Reply {
  readonly code: number;
  /** `5.7.1`; absent for 220, 221 at times, 334, 354 and the lines of EHLO (RFC 2034 §4). */
  readonly enhanced?: string;
  readonly text: string;
}

/** Every reply this server gives by itself, and those its hosts share. One table, so that a text is written once. */
export const replies = {
  ok: { code: 250, enhanced: '2.0.0', text: 'Ok' },
  senderOk: { code: 250, enhanced: '2.1.0', text: 'Sender ok' },
  recipientOk: { code: 250, enhanced: '2.1.5', text: 'Recipient ok' },
  closing: { code: 221, enhanced: '2.0.0', text: 'Closing the connection' },
  authenticated: { code: 235, enhanced: '2.7.0', text: 'Authentication succeeded' },
  cannotVerify: { code: 252, enhanced: '2.0.0', text: 'Send some mail, I will do my best' },
  readyForTls: { code: 220, enhanced: '2.0.0', text: 'Ready to start TLS' },
  sendContent: { code: 354, text: 'Send the message, end with <CRLF>.<CRLF>' },

  unavailable: { code: 421, enhanced: '4.3.2', text: 'Service not available, try again later' },
  tooManySessions: { code: 421, enhanced: '4.3.2', text: 'Too many sessions, try again later' },
  shuttingDown: { code: 421, enhanced: '4.3.2', text: 'Service is stopping, try again later' },
  timedOut: { code: 421, enhanced: '4.4.2', text: 'Timed out waiting for you' },
  tooManyMails: { code: 421, enhanced: '4.5.3', text: 'Enough mails for one session, connect again' },
  tooManyErrors: { code: 421, enhanced: '4.7.0', text: 'Too many errors' },
  tooManyConnections: { code: 421, enhanced: '4.7.0', text: 'Too many connections from you lately, try again later' },
  tooManyUnknown: { code: 421, enhanced: '4.7.0', text: 'Too many unknown recipients' },
  tooManyMailsLately: { code: 450, enhanced: '4.7.1', text: 'Too many mails from you lately, try again later' },
  tooManyRecipientsLately: { code: 450, enhanced: '4.7.1', text: 'Too many recipients from you lately, try again later' },
  tooManyBytesLately: { code: 450, enhanced: '4.7.1', text: 'Too much mail from you lately, try again later' },
  tooManyUnknownLately: { code: 450, enhanced: '4.7.1', text: 'Too many unknown recipients from you lately, try again later' },
  storageFailed: { code: 451, enhanced: '4.3.0', text: 'The message could not be stored, try again later' },
  notConfirmed: { code: 451, enhanced: '4.3.0', text: 'The message could not be queued, try again later' },
  tooManyInHand: { code: 451, enhanced: '4.3.2', text: 'Too many of your messages are in hand, try again later' },
  localError: { code: 451, enhanced: '4.3.0', text: 'Local error in processing, try again later' },
  noSpace: { code: 452, enhanced: '4.3.1', text: 'The queue is full, try again later' },
  tooManyRecipients: { code: 452, enhanced: '4.5.3', text: 'Too many recipients, send the rest in another message' },
  authUnavailable: { code: 454, enhanced: '4.7.0', text: 'Authentication is not available now' },
  tlsUnavailable: { code: 454, enhanced: '4.7.0', text: 'TLS is not available now' },

  unknownCommand: { code: 500, enhanced: '5.5.2', text: 'Command not recognized' },
  authLineTooLong: { code: 500, enhanced: '5.5.6', text: 'Authentication exchange line is too long' },
  lineTooLong: { code: 500, enhanced: '5.5.2', text: 'Line too long' },
  lhloHere: { code: 500, enhanced: '5.5.1', text: 'This is LMTP: send LHLO' },
  badLineEnd: { code: 500, enhanced: '5.5.2', text: 'A command line ends with CR LF and holds no other control character' },
  badArguments: { code: 501, enhanced: '5.5.4', text: 'Syntax error in the arguments' },
  badChunk: { code: 501, enhanced: '5.5.4', text: 'BDAT needs a size, then LAST or nothing; closing the connection' },
  badHold: { code: 501, enhanced: '5.5.4', text: 'The mail can be held from now on up to the bound EHLO names' },
  badSenderAddress: { code: 501, enhanced: '5.1.7', text: 'Malformed sender address' },
  badRecipientAddress: { code: 501, enhanced: '5.1.3', text: 'Malformed recipient address' },
  authCancelled: { code: 501, enhanced: '5.7.0', text: 'Authentication cancelled' },
  badBase64: { code: 501, enhanced: '5.5.2', text: 'Invalid base64 data' },
  notImplemented: { code: 502, enhanced: '5.5.1', text: 'Command not implemented' },
  badSequence: { code: 503, enhanced: '5.5.1', text: 'Bad sequence of commands' },
  helloFirst: { code: 503, enhanced: '5.5.1', text: 'Send HELO or EHLO first' },
  alreadyAuthenticated: { code: 503, enhanced: '5.5.1', text: 'Already authenticated' },
  alreadyTls: { code: 503, enhanced: '5.5.1', text: 'TLS is already active' },
  unknownMechanism: { code: 504, enhanced: '5.5.4', text: 'Authentication mechanism not supported' },
  authenticationRequired: { code: 530, enhanced: '5.7.0', text: 'Authentication required' },
  tlsRequired: { code: 530, enhanced: '5.7.0', text: 'Issue STARTTLS first' },
  badCredentials: { code: 535, enhanced: '5.7.8', text: 'Authentication credentials invalid' },
  encryptionRequired: { code: 538, enhanced: '5.7.11', text: 'Encryption required for this authentication mechanism' },
  unknownRecipient: { code: 550, enhanced: '5.1.1', text: 'No such recipient here' },
  relayDenied: { code: 550, enhanced: '5.7.1', text: 'Relaying denied' },
  routingDenied: { code: 550, enhanced: '5.7.1', text: 'Relaying denied: %, ! or @ before the last @ could lead on from that domain' },
  spfFailed: { code: 550, enhanced: '5.7.23', text: 'The domain of the sender says that you do not send its mail (SPF)' },
  dmarcFailed: { code: 550, enhanced: '5.7.26', text: 'The domain of the author refuses mail that fails its checks (DMARC)' },
  badContent: { code: 550, enhanced: '5.6.11', text: 'The message holds a bare CR, a bare LF or a NUL; lines end with CR LF' },
  tooLarge: { code: 552, enhanced: '5.3.4', text: 'The message is larger than the limit' },
  headerTooLarge: { code: 552, enhanced: '5.3.4', text: 'The header block is larger than the limit' },
  utf8Required: { code: 553, enhanced: '5.6.7', text: 'An address in UTF-8 needs SMTPUTF8' },
  earlyTalker: { code: 554, enhanced: '5.5.1', text: 'You spoke before the greeting' },
  noValidRecipients: { code: 554, enhanced: '5.5.1', text: 'No valid recipients' },
  tooManyHops: { code: 554, enhanced: '5.4.6', text: 'Too many hops' },
  tooSoon: { code: 555, enhanced: '5.5.4', text: 'Not to be delivered in so short a time; EHLO names the shortest' },
  unknownParameter: { code: 555, enhanced: '5.5.4', text: 'Parameter not recognized' },
} as const satisfies Record<string, Reply>;

// Texts come from hosts, and a host may put foreign words into one: what is no printable ASCII never reaches the wire.
const unprintable = /[^\x20-\x7e]+/g;

/** The wire form of a reply; several lines when `text` holds line feeds. At most 512 octets a line (RFC 5321 §4.5.3.1.5). */
export function replyLine(reply: Reply): string {
  if (!reply.text.includes('\n')) return line(reply, ' ', reply.text);
  const texts = reply.text.split('\n');
  return texts.map((text, at) => line(reply, at === texts.length - 1 ? ' ' : '-', text)).join('');
}

function line({ code, enhanced }: Reply, separator: string, text: string): string {
  const clean = text.replace(unprintable, ' ').slice(0, 480);
  return enhanced === undefined ? `${code}${separator}${clean}\r\n` : `${code}${separator}${enhanced} ${clean}\r\n`;
}
