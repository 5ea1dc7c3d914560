import { describe, expect, test } from '@jest/globals';
import type { RoutedMail } from '@mailrail/contracts';
import { memoryLedger } from '@mailrail/ledger';
import { newCopyId } from '@mailrail/mail';
import { destinationState } from '../src/destination-state.ts';
import { type HandOverDeps, handOver } from '../src/hand-over.ts';
import type { Answer, Order, Peer, Sent } from '../src/transport.ts';
import { routedTo } from './fakes.ts';
import { schedule, summary } from './line.ts';

const [ada, ben, chloe] = ['ada@remote.example', 'ben@remote.example', 'chloe@remote.example'];
const peer: Peer = { mta: 'mx.remote.example', host: 'mx.remote.example', tls: 'verified', dsn: false, keepsTime: false, reused: false };
const yes: Answer = { kind: 'accepted', code: 250, status: '2.0.0', reply: '250 2.0.0 queued as 7' };
const no: Answer = { kind: 'refused', code: 550, status: '5.1.1', reason: '550 5.1.1 unknown', reply: '550 5.1.1 unknown' };
const wait: Answer = { kind: 'deferred', code: 450, status: '4.2.0', reason: '450 4.2.0 greylisted' };
const lost: Answer = { kind: 'unknown', reason: 'the reply to the message was lost: connection reset' };

/** A connector whose transport answers by recipient. */
function line(answer: Record<string, Answer> | ((order: Order) => Sent | Promise<Sent>) = {}) {
  const orders: Order[] = [];
  const ledger = memoryLedger();
  const duplicates: string[] = [];
  const deps: HandOverDeps = {
    stage: 'connectors/smtp.internet',
    connector: 'internet',
    transport: {
      send: async (order) => {
        orders.push(order);
        if (typeof answer === 'function') return answer(order);
        return { kind: 'answered', answers: order.recipients.map(({ mailbox }) => answer[mailbox] ?? yes), peer, bytes: 99 };
      },
    },
    ledger,
    destinations: destinationState({ ledger }),
    schedule: () => schedule,
    possibleDuplicate: (cause, recipients) => duplicates.push(`${cause} ${recipients}`),
    delayReportAfterMs: () => schedule.delayReportAfter,
    sessionLimitMs: 600_000,
    finalMs: 600_000,
    running: new Map(),
  };
  const hand = async (mail: RoutedMail, redelivered = false) => summary(await handOver(mail, deps, { now: Date.now(), redelivered }));
  return { hand, ledger, orders, duplicates, deps, asked: () => orders.map(({ recipients }) => recipients.map(({ mailbox }) => mailbox)) };
}
const copyOf = (mail: RoutedMail): RoutedMail => ({ ...mail, copyId: newCopyId() });

describe('a repeat', () => {
  test('sends nothing again and says the same, whichever copy it is', async () => {
    const { hand, asked, ledger } = line({ [ben]: no });
    const mail = routedTo([ada, ben], { notify: ['success'] });
    const first = await hand(mail);
    expect(first).toEqual([
      'handed-over 1',
      `relayed ${ada} 2.0.0: mx.remote.example said 250 2.0.0 queued as 7`,
      `failed ${ben} 5.1.1: mx.remote.example said 550 5.1.1 unknown`,
    ]);
    expect(await hand(mail, true)).toEqual(first);
    expect(await hand(copyOf(mail))).toEqual(first);
    expect(asked()).toEqual([[ada, ben]]);
    expect(await ledger.counts()).toEqual({ handedOver: 1 });
  });

  test('tries again only those who were not settled', async () => {
    const answers: Record<string, Answer> = { [ben]: wait };
    const { hand, asked, ledger } = line(answers);
    const mail = routedTo([ada, ben]);
    expect(await hand(mail)).toEqual(['handed-over 1', `later (transport) ${ben}: 450 4.2.0 greylisted`]);
    answers[ben] = yes;
    expect(await hand(copyOf(mail))).toEqual(['handed-over 2']);
    expect(asked()).toEqual([[ada, ben], [ben]]);
    expect(await ledger.counts()).toEqual({ handedOver: 2 });
  });

  test('at another site is another hand-over', async () => {
    const { hand, asked } = line();
    const mail = routedTo([ada]);
    await hand(mail);
    await hand({ ...copyOf(mail), hop: 1 });
    expect(asked()).toEqual([[ada], [ada]]);
  });

  test('that finds an entry of another version takes it as handed over', async () => {
    const { hand, ledger, orders } = line();
    const mail = routedTo([ada], { notify: ['success'] });
    await ledger.complete([{ key: `h:${mail.rootId}:0:SMTP:${ada}`, outcome: 'what is this\r\n?' }]);
    expect(await hand(mail)).toEqual(['merged 1']);
    expect(orders).toEqual([]);
  });
});

describe('two consumers', () => {
  test('the second one waits a minute with whom the first has in hand, and goes on with the others', async () => {
    const { hand, ledger, asked } = line();
    const mail = routedTo([ada, ben]);
    await ledger.offer(`h:${mail.rootId}:0:SMTP:${ada}`, newCopyId(), Date.now() + 60_000);
    expect(await hand(mail)).toEqual([
      'handed-over 1',
      `later (transport after a delay, not counted) ${ada}: another consumer is handing it over`,
    ]);
    expect(asked()).toEqual([[ben]]);
  });
  test('all in another’s hands: nothing is done', async () => {
    const { hand, ledger, orders } = line();
    const mail = routedTo([ada]);
    await ledger.offer(`h:${mail.rootId}:0:SMTP:${ada}`, newCopyId(), Date.now() + 60_000);
    expect(await hand(mail)).toEqual(['transient (transport after a delay, not counted): another consumer is handing it over']);
    expect(orders).toEqual([]);
  });
  test('a redelivery to the same process waits for the work in hand', async () => {
    const { promise, resolve } = Promise.withResolvers<Sent>();
    const { hand, orders, duplicates } = line(() => promise);
    const mail = routedTo([ada]);
    const first = hand(mail);
    const second = hand(mail, true);
    resolve({ kind: 'answered', answers: [yes], peer, bytes: 99 });
    expect(await first).toEqual(['handed-over 1']);
    expect(await second).toEqual(['handed-over 1']);
    expect(orders).toHaveLength(1);
    expect(duplicates).toEqual([]);
  });
  test('a redelivery after the process died goes on, and says that it may be a duplicate', async () => {
    const { hand, ledger, asked, duplicates } = line();
    const mail = routedTo([ada, ben]);
    await ledger.offer(`h:${mail.rootId}:0:SMTP:${ada}`, mail.copyId, Date.now() + 60_000);
    expect(await hand(mail, true)).toEqual(['handed-over 2']);
    expect(asked()).toEqual([[ada, ben]]);
    expect(duplicates).toEqual(['remote reply lost 1']);
  });
});

describe('a silent ledger', () => {
  test('stops no mail, and what may be double is counted', async () => {
    const { hand, ledger, asked, duplicates } = line({ [chloe]: no });
    ledger.silent = true;
    expect(await hand(routedTo([ada, ben, chloe]))).toEqual([
      'handed-over 2',
      `failed ${chloe} 5.1.1: mx.remote.example said 550 5.1.1 unknown`,
    ]);
    expect(asked()).toEqual([[ada, ben, chloe]]);
    expect(duplicates).toEqual(['ledger silent 2']);
  });
  test('that falls silent before it heard the end is counted, too', async () => {
    const { hand, ledger, duplicates } = line((order) => {
      ledger.silent = true;
      return { kind: 'answered', answers: order.recipients.map(() => yes), peer, bytes: 99 };
    });
    expect(await hand(routedTo([ada, ben]))).toEqual(['handed-over 2']);
    expect(duplicates).toEqual(['ledger silent 2']);
  });
});

describe('what the next hop says', () => {
  test.each<{ name: string; answers: Record<string, Answer>; gives: string[]; duplicates?: string[] }>([
    { name: 'all wait', answers: { [ada]: wait, [ben]: wait }, gives: ['transient (transport): 450 4.2.0 greylisted'] },
    {
      name: 'all wait for different reasons',
      answers: { [ada]: wait, [ben]: { ...wait, reason: '451 4.3.0 later' } },
      gives: ['transient (transport): 450 4.2.0 greylisted (and 1 other reasons)'],
    },
    {
      name: 'the reply is lost',
      answers: { [ada]: lost, [ben]: lost },
      gives: ['transient (transport): the reply to the message was lost: connection reset'],
      duplicates: ['remote reply lost 2'],
    },
    {
      name: 'one each',
      answers: { [ada]: lost, [ben]: no },
      gives: [
        `failed ${ben} 5.1.1: mx.remote.example said 550 5.1.1 unknown`,
        `later (transport) ${ada}: the reply to the message was lost: connection reset`,
      ],
      duplicates: ['remote reply lost 1'],
    },
  ])('$name', async ({ answers, gives, duplicates: expected = [] }) => {
    const { hand, duplicates, ledger } = line(answers);
    const mail = routedTo([ada, ben]);
    expect(await hand(mail)).toEqual(gives);
    expect(duplicates).toEqual(expected);
    const effects = await ledger.effects([ada, ben].map((one) => `h:${mail.rootId}:0:SMTP:${one}`));
    const kinds = effects === 'silent' ? [] : effects.map((effect) => effect?.kind);
    expect(kinds).toEqual([ada, ben].map((one) => (answers[one]?.kind === 'refused' ? 'done' : undefined)));
  });

  test.each<{ name: string; sent: Sent; gives: string[]; failures: number }>([
    {
      name: 'no such domain',
      sent: { kind: 'undeliverable', status: '5.1.2', reason: 'the domain remote.example does not exist' },
      gives: [
        `failed ${ada} 5.1.2: the domain remote.example does not exist`,
        `failed ${ben} 5.1.2: the domain remote.example does not exist`,
      ],
      failures: 0,
    },
    {
      name: 'not reached',
      sent: { kind: 'unreachable', reason: 'connection refused', trouble: true },
      gives: ['transient (transport): connection refused'],
      failures: 1,
    },
    {
      name: 'no place free',
      sent: { kind: 'unreachable', reason: 'no session came free in time', trouble: false },
      gives: ['transient (transport): no session came free in time'],
      failures: 0,
    },
    {
      name: 'the body is not to be had now',
      sent: { kind: 'no-content', missing: false, reason: 'message body: EIO' },
      gives: ['transient (internal): message body: EIO'],
      failures: 0,
    },
    {
      name: 'the body is missing',
      sent: { kind: 'no-content', missing: true, reason: 'message body: no such body' },
      gives: ['poison: message body: no such body'],
      failures: 0,
    },
    {
      name: 'an answer is missing: nobody is lost',
      sent: { kind: 'answered', answers: [yes], peer, bytes: 9 },
      gives: ['handed-over 1', `later (transport) ${ben}: the session gave no answer for this recipient`],
      failures: 0,
    },
  ])('$name', async ({ sent, gives, failures }) => {
    const { hand, ledger } = line(() => sent);
    expect(await hand(routedTo([ada, ben]))).toEqual(gives);
    expect(await ledger.destinations.get('internet/remote.example')).toMatchObject({ failures });
  });

  test('a destination in trouble rests, though somebody was served', async () => {
    const { hand, ledger, orders } = line(() => ({
      kind: 'answered',
      answers: [yes, wait],
      peer,
      bytes: 9,
      trouble: 'mx.remote.example: 421 4.3.2 stopping',
    }));
    await hand(routedTo([ada, ben]));
    expect(await ledger.destinations.get('internet/remote.example')).toMatchObject({
      failures: 1,
      reason: 'mx.remote.example: 421 4.3.2 stopping',
    });
    const [next = ''] = await hand(routedTo([chloe]));
    expect(next).toMatch(
      /^transient \(transport after a delay, not counted\): mx\.remote\.example: 421 4\.3\.2 stopping; not tried again before/,
    );
    expect(orders).toHaveLength(1);
  });

  test('a success ends the rest', async () => {
    const { hand, ledger } = line();
    await ledger.destinations.fail('internet/remote.example', 'refused', -1);
    expect(await hand(routedTo([ada]))).toEqual(['handed-over 1']);
    expect(await ledger.destinations.get('internet/remote.example')).toMatchObject({ failures: 0 });
  });
});

describe('addresses', () => {
  test('of other types cannot be handed over', async () => {
    const { hand, asked } = line();
    expect(await hand(routedTo([ada, 'X400:c=us;a= ;p=Corp;s=Lovelace']))).toEqual([
      'handed-over 1',
      'failed c=us;a= ;p=Corp;s=Lovelace 5.1.3: the recipient has no SMTP address',
    ]);
    expect(asked()).toEqual([[ada]]);
    expect(await hand(routedTo([ada], { sender: 'NOTES:Zoe/Corp@CORP' }))).toEqual([`failed ${ada} 5.1.7: the sender has no SMTP address`]);
  });

  test('that two recipients share get one copy, and the counts stay whole', async () => {
    const { hand, asked, ledger } = line();
    const mail = routedTo([ada, ben]);
    const [first, second] = mail.recipients;
    if (first === undefined || second === undefined) throw new Error('two recipients');
    const both = { ...mail, recipients: [first, { ...second, address: `SMTP:${ada.toUpperCase()}` }] };
    expect(await hand(both)).toEqual(['handed-over 1', 'merged 1']);
    expect(asked()).toEqual([[ada]]);
    expect(await ledger.counts()).toEqual({ handedOver: 1, merged: 1 });
    expect(await hand(copyOf(both))).toEqual(['handed-over 1', 'merged 1']);
    expect(await ledger.counts()).toEqual({ handedOver: 1, merged: 1 });
    // The same address once more, by another way of the same mail.
    expect(await hand({ ...copyOf(mail), recipients: [{ ...second, id: newCopyId(), address: `SMTP:${ada}` }] })).toEqual(['merged 1']);
    expect(await ledger.counts()).toEqual({ handedOver: 1, merged: 2 });
    expect(asked()).toEqual([[ada]]);
  });

  test('that two recipients share fail for both', async () => {
    const { hand } = line({ [ada]: no });
    const mail = routedTo([ada, ben]);
    const both = { ...mail, recipients: mail.recipients.map((one) => ({ ...one, address: `SMTP:${ada}` })) };
    expect(await hand(both)).toHaveLength(2);
  });
});

test('the order names what the next hop needs to know, and no more', async () => {
  const { hand, orders } = line();
  const mail = routedTo([ada], { hop: 1, envid: 'e1', ret: 'full', sender: null, notify: 'never' });
  await hand(mail);
  expect(orders[0]).toMatchObject({
    destination: 'remote.example',
    sender: null,
    recipients: [{ mailbox: ada, notify: 'never' }],
    envid: 'e1',
    ret: 'full',
    site: { rootId: mail.rootId, mailId: mail.mailId, hop: 2, trust: 'outside' },
  });
});
