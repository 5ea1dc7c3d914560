import { reject } from '../../foreign-file.ts';
import { fieldsIn, jsonIn, listIn, stringIn } from '../json.ts';
import { pathIn } from '../parsed-mail.ts';
import type { WebhookDialect } from '../webhook.ts';
import { readSns } from './sns.ts';

/**
 * Amazon SES receiving, with an SNS action: the message stands in the notification, at most 150 KB. 2xx is taken, 5xx and 429 are sent
 * again for an hour, another 4xx is not.
 */
export const ses: WebhookDialect = {
  name: 'ses',
  types: ['text/plain', 'application/json'],
  read({ body }) {
    const sns = readSns(body);
    if (sns === undefined) return reject('unrecognised', 'this is no message of Amazon SNS');
    if (sns.type !== 'Notification') return { kind: 'no-mail', reason: sns.type };
    const notification = fieldsIn(jsonIn(sns.message));
    if (notification['notificationType'] !== 'Received') return { kind: 'no-mail', reason: 'no notification of received mail' };
    const { recipients, action } = fieldsIn(notification['receipt']);
    const { source } = fieldsIn(notification['mail']);
    const content = stringIn(notification['content']);
    if (content === undefined) {
      return reject(
        'unsupported-type',
        'the notification has no content: the receipt rule needs an SNS action; mail that lies in S3 is not fetched',
        'content',
      );
    }
    const to = listIn(recipients).flatMap((one) => pathIn(stringIn(one)) ?? []);
    const sender = pathIn(stringIn(source));
    if (to.length === 0 || sender === undefined) return reject('envelope', 'the notification has no sender or no recipients', 'receipt');
    const encoding = stringIn(fieldsIn(action)['encoding'])?.toUpperCase();
    const bytes = Buffer.from(content, encoding === 'BASE64' ? 'base64' : 'utf8');
    return { kind: 'mail', id: sns.messageId, sender, recipients: to, content: { kind: 'raw', bytes } };
  },
};
