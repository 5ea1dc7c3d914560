/**
 * RFC 3463 status codes as this line uses them, with what to tell people. Which code a cause gets is decided where the cause
 * is found; the words are here, once.
 */
export interface StatusText {
  /** What happened, a sentence about the recipient or the message. */
  says: string;
  /** What the sender can do. */
  advice: string;
}

const askThem = 'Ask the recipient, or the postmaster of that system, by another way.';
const later = 'Send the message again later. If it happens again, ask the postmaster of that system.';
const ours = 'Nothing is wrong with your message. Tell the postmaster of this system.';

/** Keyed by subject and detail, `1.1` for 4.1.1 and 5.1.1: the class only says whether it may pass. */
const texts: Readonly<Record<string, StatusText>> = {
  '0.0': { says: 'The message was refused without a clear reason.', advice: askThem },
  '1.0': { says: 'Something is wrong with the address.', advice: 'Check the address and send the message again.' },
  '1.1': {
    says: 'There is no mailbox with this address.',
    advice: 'Check the spelling of the address, or ask the recipient for the right one.',
  },
  '1.2': { says: 'The domain of the address does not exist.', advice: 'Check the part of the address after the @ sign.' },
  '1.3': {
    says: 'The address is not written as an address must be.',
    advice: 'Check the spelling of the address and send the message again.',
  },
  '1.4': {
    says: 'More than one mailbox has this address, so nobody can tell who is meant.',
    advice: 'Tell the postmaster of that system.',
  },
  '1.6': { says: 'The mailbox has moved and there is no address to forward to.', advice: 'Ask the recipient for the new address.' },
  '1.7': { says: 'The sender address of the message was refused.', advice: 'Check the sender address your mail program uses.' },
  '1.8': { says: 'The domain of the sender address was refused.', advice: 'Check the sender address your mail program uses.' },
  '1.10': { says: 'The domain of the address accepts no mail.', advice: 'Check the part of the address after the @ sign.' },
  '2.0': { says: 'The mailbox could not take the message.', advice: askThem },
  '2.1': { says: 'The mailbox is disabled or accepts no messages.', advice: askThem },
  '2.2': { says: 'The mailbox is full.', advice: 'Send the message again later, or tell the recipient by another way.' },
  '2.3': {
    says: 'The message is larger than it may be.',
    advice: 'Send a smaller message: leave attachments out, or share them by a link.',
  },
  '2.4': { says: 'The members of the group could not be found out.', advice: 'Tell the owner of the group.' },
  '3.0': { says: 'The mail system could not take the message.', advice: later },
  '3.1': { says: 'The mail system has no room at the moment.', advice: later },
  '3.2': { says: 'The mail system takes no messages at the moment.', advice: later },
  '3.3': { says: 'The mail system cannot do something that this message needs.', advice: askThem },
  '3.4': {
    says: 'The message is larger than the next mail system accepts.',
    advice: 'Send a smaller message: leave attachments out, or share them by a link.',
  },
  '3.5': { says: 'A mail system on the way is configured to send to itself.', advice: ours },
  '4.0': { says: "The way to the recipient's mail system could not be found.", advice: later },
  '4.1': { says: "The recipient's mail system does not answer.", advice: later },
  '4.2': { says: "The connection to the recipient's mail system broke off.", advice: later },
  '4.3': { says: 'The directory that knows the recipients did not answer.', advice: later },
  '4.4': {
    says: "No way leads to the recipient's mail system.",
    advice: 'Check the address. If it is right, tell the postmaster of this system.',
  },
  '4.5': { says: 'The mail system is too busy.', advice: later },
  '4.6': {
    says: 'The message went round in a circle between mail systems.',
    advice: 'Tell the postmaster: an address is being forwarded to itself.',
  },
  '4.7': {
    says: 'The message could not be delivered within the time it may wait.',
    advice: 'Send the message again, or tell the recipient by another way.',
  },
  '4.8': { says: 'The name of a mail system is also the name of a mail domain of its own.', advice: ours },
  '4.9': { says: "There is no way to the recipient's mail system at the moment.", advice: later },
  '5.0': { says: 'Two mail systems did not understand each other.', advice: ours },
  '5.1': { says: 'A mail system did not understand a command of the other.', advice: ours },
  '5.2': { says: 'A mail system did not understand a command of the other.', advice: ours },
  '5.3': { says: 'The message has more recipients than it may have.', advice: 'Send the message to fewer people at a time.' },
  '5.4': { says: 'A mail system did not accept the conditions of the message.', advice: ours },
  '6.0': { says: 'The content of the message could not be handled.', advice: askThem },
  '6.1': {
    says: "The recipient's mail system does not support this kind of content.",
    advice: 'Send the message in another form, for example as plain text.',
  },
  '6.3': {
    says: "The message must be converted for the recipient's mail system, and its signature forbids that.",
    advice: 'Send the message without a signature, or in plain ASCII.',
  },
  '6.5': { says: 'The message could not be converted.', advice: 'Send the message in another form, for example as plain text.' },
  '6.7': {
    says: "The recipient's mail system does not support internationalized addresses.",
    advice: 'Use an address without accented or non-Latin characters on both sides, if there is one.',
  },
  '6.11': {
    says: 'The message contains line ends or characters that mail must not contain.',
    advice: 'Send the message again with another mail program.',
  },
  '7.0': { says: 'The message was refused for reasons of security.', advice: askThem },
  '7.1': {
    says: 'You are not allowed to send to this recipient.',
    advice: 'Ask the recipient, or the owner of the group, for permission.',
  },
  '7.2': { says: 'You are not allowed to send to this group.', advice: 'Ask the owner of the group for permission.' },
  '7.30': {
    says: 'You required TLS for this message, and the way to the recipient does not promise it.',
    advice: 'Send the message without that requirement if its content allows it, or tell the recipient by another way.',
  },
  '7.8': { says: 'The mail system did not accept the credentials of this system.', advice: ours },
};

const bySubject: readonly StatusText[] = [
  { says: 'The message could not be delivered.', advice: askThem },
  { says: 'Something is wrong with the address.', advice: 'Check the address and send the message again.' },
  { says: 'The mailbox could not take the message.', advice: askThem },
  { says: 'The mail system could not take the message.', advice: later },
  { says: "The recipient's mail system could not be reached.", advice: later },
  { says: 'Two mail systems did not understand each other.', advice: ours },
  { says: 'The content of the message could not be handled.', advice: askThem },
  { says: 'The message was refused for reasons of security or policy.', advice: askThem },
];

/** Words for a status, by its subject where the detail is not known. */
export function statusText(status: string): StatusText {
  const [, subject = '0', detail = '0'] = status.split('.');
  return texts[`${subject}.${detail}`] ?? bySubject[Number(subject)] ?? { says: 'The message could not be delivered.', advice: askThem };
}

/** `5.1.1` with class 4 is `4.1.1`. */
export function withClass(status: string, statusClass: 2 | 4 | 5): string {
  return `${statusClass}${status.slice(1)}`;
}
