import { describe, expect, test } from '@jest/globals';
import { MessageRefused } from '../src/eml/refusal.ts';
import { type EmlMode, fileEnvelope } from '../src/folder/file-envelope.ts';
import { organization } from './fake-acceptor.ts';

const rootId = '01990000-0000-7000-8000-000000000001';
const at = Date.UTC(2026, 9, 5, 6, 0, 0);

interface Row {
  name: string;
  mode?: EmlMode;
  trust?: 'outside';
  maxRecipients?: number;
  lines: string[];
  sender?: string | null;
  to?: (string | object)[];
  leftOut?: string[];
  rest?: object; // other parts of the result
  refused?: string;
}

const given = ['Date: x', 'Message-ID: <1@x>'];
const rows: Row[] = [
  // pickup
  {
    name: 'From and To',
    lines: ['From: Ada <ada@corp.example>', 'To: Ben <ben@corp.example>', ...given],
    sender: 'ada@corp.example',
    to: ['ben@corp.example'],
    rest: { first: '', start: 0, removeFields: ['bcc', 'resent-bcc'] },
  },
  {
    name: 'To, Cc and Bcc, each person once',
    lines: [
      'From: a@corp.example',
      'To: b@corp.example, B <b@CORP.example>',
      'Cc: c@corp.example',
      'Bcc: d@corp.example,',
      ' e@corp.example',
      'To: f@corp.example',
    ],
    to: ['b@corp.example', 'c@corp.example', 'd@corp.example', 'e@corp.example', 'f@corp.example'],
  },
  { name: 'only Bcc', lines: ['From: a@corp.example', 'bcc: d@corp.example'], to: ['d@corp.example'] },
  {
    name: 'groups, comments, quoted names',
    lines: [
      'From: a@corp.example (Ada (at) home)',
      'To: Team: "Ex, B" <b@corp.example>, c@corp.example; (all of them), undisclosed: ;, "d@evil.example" <d@corp.example>',
    ],
    sender: 'a@corp.example',
    to: ['b@corp.example', 'c@corp.example', 'd@corp.example'],
  },
  {
    name: 'a quoted local part',
    lines: ['From: a@corp.example', 'To: "b c@d"@corp.example, "plain"@corp.example'],
    to: ['"b c@d"@corp.example', 'plain@corp.example'],
  },
  { name: 'an address in UTF-8', lines: ['From: a@corp.example', 'To: Bücher <bücher@corp.example>'], to: ['bücher@corp.example'] },
  {
    name: 'Sender before From',
    lines: ['Sender: s@corp.example', 'From: a@corp.example, b@corp.example', 'To: c@corp.example'],
    sender: 's@corp.example',
    to: ['c@corp.example'],
  },
  {
    name: 'several authors without Sender',
    lines: ['From: a@corp.example, b@corp.example', 'To: c@corp.example'],
    refused: 'envelope: From has 2 addresses, and a Sender must say which of them sent this',
  },
  {
    name: 'two From fields without Sender',
    lines: ['From: a@corp.example', 'From: b@corp.example', 'To: c@corp.example'],
    refused: 'envelope: From has 2',
  },
  {
    name: 'two addresses in Sender',
    lines: ['Sender: a@corp.example, b@corp.example', 'To: c@corp.example'],
    refused: 'envelope: Sender has 2',
  },
  { name: 'no From', lines: ['To: c@corp.example'], refused: 'envelope: nobody to answer to' },
  { name: 'a From without an address', lines: ['From: Ada', 'To: c@corp.example'], refused: 'envelope: From is no mail address: "Ada"' },
  { name: 'an empty From', lines: ['From: <>', 'To: c@corp.example'], refused: 'envelope: nobody to answer to' },
  { name: 'no recipients', lines: ['From: a@corp.example', 'Subject: x'], refused: 'envelope: nobody to send it to' },
  {
    name: 'only an empty group',
    lines: ['From: a@corp.example', 'To: undisclosed-recipients:;'],
    refused: 'envelope: nobody to send it to',
  },
  {
    name: 'a bad recipient does not hold the good ones back',
    lines: ['From: a@corp.example', 'To: Ben, c@corp.example', 'Cc: x@y@z'],
    to: ['c@corp.example'],
    leftOut: ['To Ben envelope', 'Cc x@y@z envelope'],
  },
  {
    name: 'only bad recipients',
    lines: ['From: a@corp.example', 'To: Ben, Chloe'],
    refused: 'envelope: no recipient is left: "Ben" is no mail address, as 1 more',
  },
  {
    name: 'too many',
    maxRecipients: 2,
    lines: ['From: a@corp.example', 'To: b@corp.example, c@corp.example, d@corp.example'],
    refused: 'too-many-recipients: more than 2',
  },
  { name: 'inside may send anywhere', lines: ['From: a@corp.example', 'To: x@elsewhere.example'], to: ['x@elsewhere.example'] },
  {
    name: 'outside may not',
    trust: 'outside',
    lines: ['From: a@corp.example', 'To: b@corp.example, x@elsewhere.example, r@relay.example'],
    to: ['b@corp.example', 'r@relay.example'],
    leftOut: ['To x@elsewhere.example auth'],
  },
  {
    name: 'outside may not have a relayed domain pass mail on',
    trust: 'outside',
    lines: ['From: a@corp.example', 'To: b%elsewhere.example@corp.example, x%elsewhere.example@relay.example, y!r@relay.example'],
    to: ['b%elsewhere.example@corp.example'],
    leftOut: ['To x%elsewhere.example@relay.example auth', 'To y!r@relay.example auth'],
  },
  {
    name: 'and hears why',
    trust: 'outside',
    lines: ['From: a@corp.example', 'To: x%elsewhere.example@relay.example'],
    refused: 'auth: no recipient is left: "x%elsewhere.example@relay.example" may lead on from a domain we relay to',
  },
  {
    name: 'outside to nobody of ours',
    trust: 'outside',
    lines: ['From: a@corp.example', 'To: x@elsewhere.example, Ben'],
    refused: 'auth: no recipient is left: "x@elsewhere.example" this folder may not send to other domains than ours, as 1 more',
  },
  {
    name: 'resent: the newest block alone',
    lines: [
      'Resent-From: r@corp.example',
      'Resent-To: b@corp.example',
      'Resent-Bcc: c@corp.example',
      'Resent-From: old@corp.example',
      'Resent-To: d@corp.example',
      'From: a@corp.example',
      'To: e@corp.example',
      'Bcc: f@corp.example',
    ],
    sender: 'r@corp.example',
    to: ['b@corp.example', 'c@corp.example'],
    rest: { removeFields: ['bcc', 'resent-bcc'] },
  },
  {
    name: 'resent: a trace field parts the blocks',
    lines: [
      'Resent-From: r@corp.example',
      'Resent-To: b@corp.example',
      'Received: by x; y',
      'Resent-Cc: d@corp.example',
      'From: a@corp.example',
      'To: e@corp.example',
    ],
    to: ['b@corp.example'],
  },
  {
    name: 'resent to nobody: those in To have had it',
    lines: ['Resent-From: r@corp.example', 'From: a@corp.example', 'To: e@corp.example'],
    refused: 'envelope: nobody to send it to',
  },
  {
    name: 'injected lines are removed and not believed',
    lines: [
      'X-Sender: <evil@corp.example>',
      'X-Receiver: <secret@corp.example>',
      'X-EndOfInjectedXHeaders: 99',
      'From: a@corp.example',
      'To: b@corp.example',
    ],
    sender: 'a@corp.example',
    to: ['b@corp.example'],
    rest: { start: 95, notes: ['injected-lines-removed'] },
  },
  {
    name: 'X-Sender further down is an ordinary field',
    lines: ['From: a@corp.example', 'X-Sender: b@corp.example', 'To: b@corp.example'],
    to: ['b@corp.example'],
    rest: { start: 0, notes: ['misplaced-x-lines'] },
  },
  {
    name: 'what is missing is added',
    lines: ['From: a@corp.example', 'To: b@corp.example'],
    to: ['b@corp.example'],
    rest: { first: `Date: Mon, 05 Oct 2026 06:00:00 +0000\r\nMessage-ID: <${rootId}@gw.corp.example>\r\n` },
  },
  {
    name: 'a mailbox separator is passed over',
    lines: ['From ada@corp.example Mon Oct  5 08:00:00 2026', 'From: a@corp.example', 'To: b@corp.example'],
    to: ['b@corp.example'],
    rest: { start: 48, notes: ['mailbox-separator'] },
  },
  {
    name: 'a line that is no field',
    lines: ['From: a@corp.example', 'To: b@corp.example', 'Dear Ben,'],
    refused: 'syntax: line 3 of the header is no field: "Dear Ben,"',
  },
  { name: 'no header', lines: ['Dear Ben,'], refused: 'unrecognised: this is no Internet message: it begins with "Dear Ben,"' },
  { name: 'a fold without a field', lines: [' From: a@corp.example'], refused: 'unrecognised' },

  // replay
  {
    name: 'replay: the envelope before the message',
    mode: 'replay',
    lines: [
      'X-CreatedBy: MSExchange15',
      'X-Sender: <scale7@plant.example.org> BODY=8bitMIME RET=HDRS ENVID=W7-+2B42',
      'X-Receiver: <ada@corp.example> NOTIFY=FAILURE,DELAY ORcpt=rfc822;ada+2Bx@corp.example',
      'X-Receiver: <ben@corp.example> NOTIFY=NEVER',
      'X-SourceIPAddress: 192.0.2.7',
      'X-HeloDomain: scale7',
      'X-EndOfInjectedXHeaders: 612',
      'From: x@y.example',
      'To: ada@corp.example',
      ...given,
    ],
    sender: 'scale7@plant.example.org',
    to: [
      { address: 'SMTP:ada@corp.example', notify: ['failure', 'delay'], orcpt: 'rfc822;ada+x@corp.example' },
      { address: 'SMTP:ben@corp.example', notify: 'never' },
    ],
    rest: { ret: 'hdrs', envid: 'W7-+42', helo: 'scale7', first: 'X-Foreign-Peer: 192.0.2.7\r\n', removeFields: [], notes: [] },
  },
  {
    name: 'replay: the null reverse-path, no brackets, odd words',
    mode: 'replay',
    lines: ['X-Sender: <>', 'X-Receiver: ada@corp.example FOO=1 NOTIFY=SOMETIMES ORCPT=nonsense', ...given],
    sender: null,
    to: [{ address: 'SMTP:ada@corp.example' }],
    rest: { notes: ['ignored: X-Receiver FOO, X-Receiver NOTIFY, X-Receiver ORCPT'] },
  },
  {
    name: 'replay: controls in parameters',
    mode: 'replay',
    lines: ['X-Sender: <a@corp.example> ENVID=a+0D+0Ab', 'X-Receiver: <ada@corp.example> ORCPT=rfc822;a+0Ab', ...given],
    to: [{ address: 'SMTP:ada@corp.example' }],
    rest: { notes: ['ignored: X-Sender ENVID, X-Receiver ORCPT'] },
  },
  {
    name: 'replay: postmaster',
    mode: 'replay',
    lines: ['X-Sender: <a@corp.example>', 'X-Receiver: <postmaster>', ...given],
    to: [{ address: 'SMTP:postmaster@corp.example', original: 'SMTP:postmaster' }],
  },
  {
    name: 'replay: no X-Receiver',
    mode: 'replay',
    lines: ['X-Sender: <a@corp.example>', 'From: a@corp.example', 'To: b@corp.example'],
    refused: 'envelope: no X-Receiver line at the top of the file; a message without them belongs into a pickup folder',
  },
  {
    name: 'replay: no X-Sender',
    mode: 'replay',
    lines: ['X-Receiver: <a@corp.example>', 'From: a@corp.example'],
    refused: 'envelope: no X-Sender line',
  },
  {
    name: 'replay: two X-Senders',
    mode: 'replay',
    lines: ['X-Sender: <a@corp.example>', 'X-Sender: <b@corp.example>', 'X-Receiver: <a@corp.example>'],
    refused: 'envelope: 2 X-Sender lines',
  },
  {
    name: 'replay: lines behind another field do not count',
    mode: 'replay',
    lines: ['From: a@corp.example', 'X-Sender: <a@corp.example>', 'X-Receiver: <a@corp.example>'],
    refused: 'envelope: no X-Sender line at the top of the file; those that stand behind other fields do not count',
  },
  {
    name: 'replay: an X-Sender that is none',
    mode: 'replay',
    lines: ['X-Sender: Ada', 'X-Receiver: <a@corp.example>'],
    refused: 'envelope: X-Sender is no mail address: "Ada"',
  },
  {
    name: 'replay: one bad X-Receiver',
    mode: 'replay',
    lines: ['X-Sender: <a@corp.example>', 'X-Receiver: <>', 'X-Receiver: <b@corp.example>'],
    to: [{ address: 'SMTP:b@corp.example' }],
    leftOut: ['X-Receiver <> envelope'],
  },
  {
    name: 'replay: from outside no further',
    mode: 'replay',
    trust: 'outside',
    lines: ['X-Sender: <a@corp.example>', 'X-Receiver: <x@elsewhere.example>'],
    refused: 'auth: no recipient is left',
  },
  {
    name: 'replay: Bcc stays, it is in no envelope',
    mode: 'replay',
    lines: ['X-Sender: <a@corp.example>', 'X-Receiver: <b@corp.example>', 'Bcc: c@corp.example', ...given],
    to: [{ address: 'SMTP:b@corp.example' }],
    rest: { removeFields: [] },
  },
];

describe('the envelope of a file', () => {
  test.each(rows)('$name', ({ mode = 'pickup', trust, maxRecipients = 100, lines, sender, to, leftOut = [], rest, refused }) => {
    const snapshot = organization().current();
    const { hostname, settings } = snapshot;
    const block = Buffer.from(lines.map((line) => `${line}\r\n`).join(''));
    const read = () =>
      fileEnvelope(block, {
        mode,
        maxRecipients,
        who: trust === 'outside' ? 'outside' : 'inside-folder',
        known: (name) => snapshot.domain(name),
        postmaster: settings.postmaster,
        rootId,
        hostname,
        at,
      });
    if (refused !== undefined) {
      expect(read).toThrow(MessageRefused);
      try {
        read();
      } catch (error) {
        if (!(error instanceof MessageRefused)) throw error;
        expect(`${error.code}: ${error.message}`).toContain(refused);
      }
      return;
    }
    const envelope = read();
    expect(envelope.recipients).toEqual(to?.map((one) => (typeof one === 'string' ? { address: `SMTP:${one}` } : one)));
    if (sender !== undefined) expect(envelope.sender).toBe(sender === null ? null : `SMTP:${sender}`);
    expect(envelope.leftOut.map(({ field, recipient, code }) => `${field} ${recipient} ${code}`)).toEqual(leftOut);
    if (rest !== undefined) expect(envelope).toMatchObject(rest);
  });
});
