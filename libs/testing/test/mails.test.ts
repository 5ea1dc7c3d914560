import { expect, test } from '@jest/globals';
import { Envelope } from '@mailrail/contracts';
import { mailTo, messageBytes } from '../src/index.ts';

test('a built mail is a valid one', () => {
  const mail = mailTo(['ada@corp.example', 'X400:c=us;s=Ben'], { sender: null });
  expect(Envelope.parse(mail)).toEqual(mail);
  expect(mail.recipients.map(({ address }) => address)).toEqual(['SMTP:ada@corp.example', 'X400:c=us;s=Ben']);
});

test('a message has CRLF throughout and the fields asked for', () => {
  const bytes = messageBytes({ Subject: 'Tea' }, 'one\ntwo\n').toString();
  expect(bytes).toContain('Subject: Tea\r\n');
  expect(bytes).toMatch(/\r\n\r\none\r\ntwo\r\n$/);
  expect(bytes.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
});
