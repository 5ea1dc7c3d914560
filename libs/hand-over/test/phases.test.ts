import { describe, expect, test } from '@jest/globals';
import { routedTo } from './fakes.ts';
import { connectorTo, summary } from './line.ts';
import { type Phase, type Said, type Script, scriptedServer } from './scripted-server.ts';

interface Row {
  name: string;
  to?: string[];
  phase?: Phase;
  said?: Said;
  script?: Script;
  gives: string[];
  duplicates?: Record<string, number>;
  mails?: number; // at the server; default 0
  closed?: boolean; // the destination rests afterwards
  short?: 'greetingMs' | 'commandMs' | 'finalMs'; // the limit that is to be reached
}
const [ada, ben, chloe] = ['ada@remote.example', 'ben@remote.example', 'chloe@remote.example'];
const onlyFor = (who: string, said: string) => (phase: Phase, line: string) => (phase === 'RCPT' && line.includes(who) ? said : undefined);
const bomb = `${'250-more\r\n'.repeat(200)}250 ok`;
const longLine = `250 ${'x'.repeat(100_000)}`;
const noPipelining = ['8BITMIME', 'SIZE 1000000'];

const rows: Row[] = [
  { name: 'accepted', gives: ['handed-over 1'], mails: 1 },
  { name: 'accepted for two', to: [ada, ben], gives: ['handed-over 2'], mails: 1 },
  { name: 'accepted without PIPELINING', to: [ada, ben], script: { offers: noPipelining }, gives: ['handed-over 2'], mails: 1 },
  { name: 'accepted by a server that knows only HELO', phase: 'EHLO', said: '502 5.5.1 what?', gives: ['handed-over 1'], mails: 1 },
  {
    name: 'accepted with 251 and 252',
    to: [ada, ben],
    script: { say: onlyFor('ben', '251 will forward') },
    gives: ['handed-over 2'],
    mails: 1,
  },

  {
    name: 'greeting 421',
    phase: 'CONNECT',
    said: '421 4.3.2 busy',
    gives: ['transient (transport): 127.0.0.1: the server closes the session: 421 4.3.2 busy'],
    closed: true,
  },
  {
    name: 'greeting 554',
    phase: 'CONNECT',
    said: '554 5.7.1 blocked',
    gives: ['transient (transport): 127.0.0.1: the server does not take mail: 554 5.7.1 blocked'],
    closed: true,
  },
  {
    name: 'greeting hangs',
    phase: 'CONNECT',
    said: 'hang',
    gives: ['transient (transport): 127.0.0.1: no greeting within 150 ms'],
    closed: true,
    short: 'greetingMs',
  },
  {
    name: 'greeting cut',
    phase: 'CONNECT',
    said: 'cut',
    gives: ['transient (transport): 127.0.0.1: the server closed the connection'],
    closed: true,
  },
  {
    name: 'greeting is garbage',
    phase: 'CONNECT',
    said: 'HTTP/1.1 400 Bad Request',
    gives: ['transient (transport): 127.0.0.1: the server did not send an SMTP reply'],
    closed: true,
  },
  {
    name: 'greeting is a bomb of lines',
    phase: 'CONNECT',
    said: bomb.replaceAll('250', '220'),
    gives: ['transient (transport): 127.0.0.1: the reply has more than 100 lines'],
    closed: true,
  },
  {
    name: 'EHLO and HELO refused',
    script: { say: (phase) => (phase === 'EHLO' || phase === 'HELO' ? '550 5.7.1 go away' : undefined) },
    gives: ['transient (transport): 127.0.0.1: HELO was refused: 550 5.7.1 go away'],
    closed: true,
  },
  {
    name: 'EHLO 4xx',
    phase: 'EHLO',
    said: '450 4.7.0 not yet',
    gives: ['transient (transport): 127.0.0.1: EHLO was refused: 450 4.7.0 not yet'],
    closed: true,
  },
  {
    name: 'EHLO hangs',
    phase: 'EHLO',
    said: 'hang',
    gives: ['transient (transport): 127.0.0.1: no reply in step ehlo within 150 ms'],
    closed: true,
    short: 'commandMs',
  },
  {
    name: 'EHLO with a line without end',
    phase: 'EHLO',
    said: longLine,
    gives: ['transient (transport): 127.0.0.1: the reply is larger than 64 KB'],
    closed: true,
  },

  { name: 'MAIL 4xx', phase: 'MAIL', said: '451 4.3.0 later', gives: ['transient (transport): 451 4.3.0 later'] },
  {
    name: 'MAIL 5xx',
    to: [ada, ben],
    phase: 'MAIL',
    said: '550 5.7.1 not you',
    gives: [
      'failed ada@remote.example 5.7.1: mx.remote.example said 550 5.7.1 not you',
      'failed ben@remote.example 5.7.1: mx.remote.example said 550 5.7.1 not you',
    ],
  },
  { name: 'MAIL 421', phase: 'MAIL', said: '421 4.3.2 stopping', gives: ['transient (transport): 421 4.3.2 stopping'], closed: true },
  {
    name: 'MAIL hangs',
    phase: 'MAIL',
    said: 'hang',
    script: { offers: noPipelining },
    gives: ['transient (transport): no reply to MAIL, RCPT or DATA within 150 ms'],
    closed: true,
    short: 'commandMs',
  },
  { name: 'MAIL cut', phase: 'MAIL', said: 'cut', gives: ['transient (transport): the server closed the connection'], closed: true },
  {
    name: 'MAIL garbage',
    phase: 'MAIL',
    said: '2 5 0',
    gives: ['transient (transport): the server did not send an SMTP reply'],
    closed: true,
  },

  {
    name: 'RCPT: one unknown does not hold the other',
    to: [ada, ben],
    script: { say: onlyFor('ben', '550 5.1.1 unknown') },
    gives: ['handed-over 1', 'failed ben@remote.example 5.1.1: mx.remote.example said 550 5.1.1 unknown'],
    mails: 1,
  },
  {
    name: 'RCPT: one greylisted waits alone',
    to: [ada, ben],
    script: { say: onlyFor('ben', '450 4.2.0 greylisted') },
    gives: ['handed-over 1', 'later (transport) ben@remote.example: 450 4.2.0 greylisted'],
    mails: 1,
  },
  {
    name: 'RCPT: all three fates',
    to: [ada, ben, chloe],
    script: {
      say: (phase, line) =>
        phase !== 'RCPT' ? undefined : line.includes('ben') ? '550 5.1.1 unknown' : line.includes('chloe') ? '451 4.3.0 later' : undefined,
    },
    gives: [
      'handed-over 1',
      'failed ben@remote.example 5.1.1: mx.remote.example said 550 5.1.1 unknown',
      'later (transport) chloe@remote.example: 451 4.3.0 later',
    ],
    mails: 1,
  },
  {
    name: 'RCPT: all refused, DATA refused',
    to: [ada, ben],
    script: { say: (phase) => (phase === 'RCPT' ? '550 5.1.1 unknown' : phase === 'DATA' ? '554 5.5.1 no valid recipients' : undefined) },
    gives: [
      'failed ada@remote.example 5.1.1: mx.remote.example said 550 5.1.1 unknown',
      'failed ben@remote.example 5.1.1: mx.remote.example said 550 5.1.1 unknown',
    ],
  },
  {
    name: 'RCPT: all refused, DATA said yes all the same: an empty message, told to nobody',
    script: { say: (phase) => (phase === 'RCPT' ? '550 5.1.1 unknown' : phase === 'DATA' ? '354 go on' : undefined) },
    gives: ['failed ada@remote.example 5.1.1: mx.remote.example said 550 5.1.1 unknown'],
    mails: 1,
  },
  {
    name: 'RCPT hangs',
    phase: 'RCPT',
    said: 'hang',
    script: { offers: noPipelining },
    gives: ['transient (transport): no reply to MAIL, RCPT or DATA within 150 ms'],
    closed: true,
    short: 'commandMs',
  },
  {
    name: 'RCPT cut after one was refused: his answer stays',
    to: [ada, ben],
    script: {
      offers: noPipelining,
      say: (phase, _, __, nth) => (phase === 'RCPT' ? (nth === 1 ? '550 5.1.1 unknown' : 'cut') : undefined),
    },
    gives: [
      'failed ada@remote.example 5.1.1: mx.remote.example said 550 5.1.1 unknown',
      'later (transport) ben@remote.example: the server closed the connection',
    ],
    closed: true,
  },
  {
    name: 'RCPT 552 of old servers: too many recipients',
    phase: 'RCPT',
    said: '552 too many recipients',
    gives: ['transient (transport): 552 too many recipients'],
  },

  { name: 'DATA 4xx', phase: 'DATA', said: '451 4.3.0 later', gives: ['transient (transport): 451 4.3.0 later'] },
  {
    name: 'DATA 5xx',
    phase: 'DATA',
    said: '554 5.7.1 no',
    gives: ['failed ada@remote.example 5.7.1: mx.remote.example said 554 5.7.1 no'],
  },
  {
    name: 'DATA answered 250',
    phase: 'DATA',
    said: '250 what',
    gives: ['transient (transport): the server gave a reply that fits no command of ours'],
    closed: true,
  },
  { name: 'DATA cut', phase: 'DATA', said: 'cut', gives: ['transient (transport): the server closed the connection'], closed: true },

  { name: 'end 4xx', phase: 'END', said: '451 4.7.1 try later', gives: ['transient (transport): 451 4.7.1 try later'], mails: 1 },
  {
    name: 'end 5xx',
    to: [ada, ben],
    phase: 'END',
    said: '550 5.7.1 spam',
    gives: [
      'failed ada@remote.example 5.7.1: mx.remote.example said 550 5.7.1 spam',
      'failed ben@remote.example 5.7.1: mx.remote.example said 550 5.7.1 spam',
    ],
    mails: 1,
  },
  {
    name: 'end 552: too large for it',
    phase: 'END',
    said: '552 too big',
    gives: ['failed ada@remote.example 5.3.4: mx.remote.example said 552 too big'],
    mails: 1,
  },
  {
    name: 'end 421',
    phase: 'END',
    said: '421 4.3.2 stopping',
    gives: ['transient (transport): 421 4.3.2 stopping'],
    mails: 1,
    closed: true,
  },
  { name: 'end of several lines', phase: 'END', said: '250-2.0.0 thank\r\n250 2.0.0 you', gives: ['handed-over 1'], mails: 1 },
  {
    name: 'cut after the dot: a possible duplicate',
    to: [ada, ben],
    phase: 'END',
    said: 'cut',
    gives: ['transient (transport): the reply to the message was lost: the server closed the connection'],
    mails: 1,
    duplicates: { 'remote reply lost': 2 },
    closed: true,
  },
  {
    name: 'hang after the dot: a possible duplicate',
    phase: 'END',
    said: 'hang',
    gives: ['transient (transport): the reply to the message was lost: no reply to the end of data within 150 ms'],
    mails: 1,
    duplicates: { 'remote reply lost': 1 },
    closed: true,
    short: 'finalMs',
  },
  {
    name: 'bomb after the dot: a possible duplicate',
    phase: 'END',
    said: bomb,
    gives: ['transient (transport): the reply to the message was lost: the reply has more than 100 lines'],
    mails: 1,
    duplicates: { 'remote reply lost': 1 },
    closed: true,
  },
  {
    name: 'controls in a reply stay out of reports',
    phase: 'END',
    said: '550 5.7.1 \u001b[31mno\u0007 \u202ethanks',
    gives: ['failed ada@remote.example 5.7.1: mx.remote.example said 550 5.7.1 [31mno thanks'],
    mails: 1,
  },
];

describe('each phase of a session', () => {
  test.each(rows)('$name', async ({ to = [ada], phase, said, script = {}, gives, duplicates = {}, mails = 0, closed = false, short }) => {
    const say: Script['say'] = (at, line, session, nth) => (at === phase ? said : script.say?.(at, line, session, nth));
    await using server = await scriptedServer({ ...script, say });
    using connector = connectorTo([server.port], { limits: short === undefined ? {} : { [short]: 150 } });
    const mail = routedTo(to);
    expect(summary(await connector.handle(mail))).toEqual(gives);
    expect(server.mails).toHaveLength(mails);
    expect(await connector.duplicates()).toEqual(duplicates);
    const again = await connector.handle(routedTo(to));
    expect(again.kind === 'transient' && again.countAttempt === false).toBe(closed);
  });
});

test('nobody listens: the destination rests, and its mail costs no session', async () => {
  const server = await scriptedServer();
  await server[Symbol.asyncDispose]();
  using connector = connectorTo([server.port]);
  expect(summary(await connector.handle(routedTo([ada])))).toEqual(['transient (transport): 127.0.0.1: connection refused']);
  const [second = ''] = summary(await connector.handle(routedTo([ben])));
  expect(second).toMatch(
    /^transient \(transport after a delay, not counted\): 127\.0\.0\.1: connection refused; not tried again before \d\d:\d\d:\d\dZ$/,
  );
});
