import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { maildirOf } from '../mailbox/maildir.ts';
import { messagesIn, type ReadableMessage, readMessage, type StoredMessage } from '../mailbox/messages.ts';
import { UsageError } from '../options.ts';
import { type Command, dataOption } from './command.ts';
import { wordsOf } from './words.ts';

const shownAtMost = 50;

export const mailbox: Command = {
  usage: 'mailbox [ADDRESS|sink] [N]',
  says: 'what arrived in a mailbox, or at the built-in sink',
  help: `Lists the messages of a mailbox, newest last, and shows one decoded: number N, by default the newest.
Without ADDRESS it lists all mailboxes. \`sink\` is the server that plays the outside world.

  --data DIR             data folder (default .mailrail)
  --list                 only the list
  --json                 the list, and the message shown, as JSON

  npm run mailrail -- mailbox ada@corp.example
  npm run mailrail -- mailbox sink 3`,
  run: async (argv, { cwd, env, print }) => {
    const { values, switches, rest } = wordsOf(argv, { values: ['data'], switches: ['list', 'json'] });
    const data = path.resolve(cwd, dataOption(values.get('data'), env));
    const [address, which] = rest;
    if (address === undefined) return listMailboxes(data, print);
    const maildir =
      address === 'sink' ? path.join(data, 'sink', 'Maildir') : maildirOf(path.join(data, 'mailboxes', '%a', 'Maildir'), address);
    const messages = await messagesIn(maildir);
    if (messages.length === 0) {
      print(`nothing in ${maildir}`);
      return 1;
    }
    const number = which === undefined ? messages.length : Number(which);
    const chosen = messages[number - 1];
    if (chosen === undefined) throw new UsageError(`mailbox: ${which} is no number from 1 to ${messages.length}`);

    const first = Math.max(0, messages.length - shownAtMost);
    const listed: { number: number; stored: StoredMessage; message: ReadableMessage }[] = [];
    for (const [at, stored] of messages.entries()) {
      if (at >= first || at === number - 1) listed.push({ number: at + 1, stored, message: await readMessage(stored) });
    }
    const shown = listed.find((one) => one.number === number);
    if (switches.has('json')) {
      print(
        JSON.stringify({
          maildir,
          messages: listed.map(jsonOf),
          ...(switches.has('list') || shown === undefined ? {} : { shown: { ...jsonOf(shown), text: shown.message.text } }),
        }),
      );
      return 0;
    }
    if (first > 0) print(`${messages.length} messages, the last ${shownAtMost}:`);
    for (const one of listed) print(listLine(one));
    if (!switches.has('list') && shown !== undefined) print(`\n${messageText(shown)}`);
    return 0;
  },
};

async function listMailboxes(data: string, print: (text: string) => void): Promise<number> {
  const folder = path.join(data, 'mailboxes');
  const names = (await readdir(folder).catch(() => [])).sort((a, b) => a.localeCompare(b));
  for (const name of names) print(`${String((await messagesIn(path.join(folder, name, 'Maildir'))).length).padStart(6)}  ${name}`);
  print(`${String((await messagesIn(path.join(data, 'sink', 'Maildir'))).length).padStart(6)}  sink`);
  return names.length === 0 ? 1 : 0;
}

function listLine({ number, stored, message }: { number: number; stored: StoredMessage; message: ReadableMessage }): string {
  const time = new Date(stored.at).toISOString().slice(0, 19).replace('T', ' ');
  const mark = message.isReport ? 'report' : '';
  return `${String(number).padStart(4)}  ${time}  ${message.from.slice(0, 34).padEnd(34)}  ${mark.padEnd(6)}  ${message.subject}`.trimEnd();
}

function messageText({ stored, message }: { stored: StoredMessage; message: ReadableMessage }): string {
  return [
    `From:    ${message.from}`,
    `To:      ${message.to}`,
    `Date:    ${message.date}`,
    `Subject: ${message.subject}`,
    ...message.parts.map(({ name, type, sizeBytes }) => `Part:    ${name === '' ? '(no name)' : name}, ${type}, ${sizeBytes} bytes`),
    `File:    ${stored.file}`,
    '',
    message.text.trimEnd(),
  ].join('\n');
}

function jsonOf({ number, stored, message }: { number: number; stored: StoredMessage; message: ReadableMessage }) {
  const { text: _, ...rest } = message;
  return { number, file: stored.file, at: Math.round(stored.at), sizeBytes: stored.sizeBytes, ...rest };
}
