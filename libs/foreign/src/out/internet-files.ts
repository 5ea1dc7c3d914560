import { DotStuffer } from '@mailrail/smtp';
import { mailWords, pathOf, rcptWords } from './envelope-words.ts';
import type { FileWriter } from './file-writer.ts';

/** The replay form of `eml`: the envelope in lines before the message, whose bytes are as they were. */
export const emlWriter: FileWriter = {
  name: 'eml',
  extension: '.eml',
  addressType: 'SMTP',
  carriesWishes: true,
  async write(message, spool) {
    const file = await spool();
    const lines = [
      `X-Sender: ${pathOf(message.sender)}${mailWords(message)}`,
      ...message.recipients.map((one) => `X-Receiver: ${pathOf(one.address)}${rcptWords(one)}`),
      `X-EndOfInjectedXHeaders: ${message.sizeBytes}`,
    ];
    await file.write(Buffer.from(`${lines.join('\r\n')}\r\n`));
    for await (const chunk of message.open()) await file.write(chunk);
    return { kind: 'files', main: file, parts: [], notes: [] };
  },
};

/** Batch SMTP, RFC 2442: one transaction a file. */
export const bsmtpWriter: FileWriter = {
  name: 'bsmtp',
  extension: '.bsmtp',
  addressType: 'SMTP',
  carriesWishes: true,
  async write(message, spool) {
    if (message.body === 'binary') {
      return { kind: 'unwritable', status: '5.6.1', reason: 'a binary message cannot be in a batch SMTP file' };
    }
    const file = await spool();
    const lines = [
      `EHLO ${message.hostname}`,
      `MAIL FROM:${pathOf(message.sender)}${mailWords(message)}`,
      ...message.recipients.map((one) => `RCPT TO:${pathOf(one.address)}${rcptWords(one)}`),
      'DATA',
    ];
    await file.write(Buffer.from(`${lines.join('\r\n')}\r\n`));
    const stuffer = new DotStuffer();
    for await (const chunk of message.open()) await file.write(stuffer.push(Buffer.from(chunk)));
    await file.write(stuffer.end());
    await file.write(Buffer.from('QUIT\r\n'));
    return { kind: 'files', main: file, parts: [], notes: [] };
  },
};
