import { verify, X509Certificate } from 'node:crypto';
import { fieldsIn, jsonIn, stringIn } from '../json.ts';
import { isFresh, type Verdict } from '../webhook.ts';

/** A message of Amazon SNS to an HTTP endpoint. */
export interface SnsMessage {
  type: 'Notification' | 'SubscriptionConfirmation' | 'UnsubscribeConfirmation';
  messageId: string;
  topic: string; // its ARN
  message: string;
  timestampMs: number;
  version: '1' | '2';
  signature: Buffer;
  certificateUrl: string; // of Amazon, checked
  subscribeUrl?: string; // the same; of a confirmation
  /** What is signed. */
  signed: string;
}

/** Where SNS has its keys and confirms subscriptions; a request may write any address into these fields. */
const host = /^sns\.[a-z]{2,3}(?:-[a-z]+)+-\d{1,2}\.amazonaws\.com(?:\.cn)?$/;
const certificatePath = /^\/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem$/;

/** @returns `undefined` for what is no message of SNS, or names a place that is not Amazon's. */
export function readSns(body: Buffer): SnsMessage | undefined {
  const fields = fieldsIn(jsonIn(body.toString('utf8')));
  const text = (name: string) => stringIn(fields[name]);
  const type = text('Type');
  if (type !== 'Notification' && type !== 'SubscriptionConfirmation' && type !== 'UnsubscribeConfirmation') return undefined;
  const [messageId, topic, message, timestamp, signature] = ['MessageId', 'TopicArn', 'Message', 'Timestamp', 'Signature'].map(text);
  const version = text('SignatureVersion');
  const certificateUrl = text('SigningCertURL') ?? '';
  if (messageId === undefined || topic === undefined || message === undefined || timestamp === undefined || signature === undefined)
    return undefined;
  if ((version !== '1' && version !== '2') || !isOfAmazon(certificateUrl, certificatePath)) return undefined;
  const subscribeUrl = text('SubscribeURL');
  const names = type === 'Notification' ? notificationFields : confirmationFields;
  if (type !== 'Notification' && (subscribeUrl === undefined || !isOfAmazon(subscribeUrl, /^\/$/))) return undefined;
  return {
    type,
    messageId,
    topic,
    message,
    timestampMs: Date.parse(timestamp),
    version,
    signature: Buffer.from(signature, 'base64'),
    certificateUrl,
    ...(subscribeUrl === undefined ? {} : { subscribeUrl }),
    signed: names.flatMap((name) => (text(name) === undefined ? [] : [`${name}\n${text(name) ?? ''}\n`])).join(''),
  };
}

const notificationFields = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
const confirmationFields = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];

/** @param certificate what lies at the address the message names, PEM. */
export function verifySns(message: SnsMessage, certificate: string, nowMs: number, windowMs: number): Verdict {
  let good = false;
  try {
    const { publicKey, validFromDate, validToDate } = new X509Certificate(certificate);
    const isValid = validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
    good =
      isValid && verify(message.version === '1' ? 'RSA-SHA1' : 'RSA-SHA256', Buffer.from(message.signed), publicKey, message.signature);
  } catch {
    // no certificate, or a signature that is none
  }
  if (!good) return { ok: false, code: 'signature', reason: 'the signature is wrong' };
  if (!isFresh(message.timestampMs, nowMs, windowMs)) return { ok: false, code: 'timestamp', reason: 'the message is too old' };
  return { ok: true };
}

function isOfAmazon(text: string, path: RegExp): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port, pathname, username, password } = new URL(text);
  return protocol === 'https:' && host.test(hostname) && port === '' && username === '' && password === '' && path.test(pathname);
}
