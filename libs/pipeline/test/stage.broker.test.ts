import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { done, later, permanent, poison, toStation, transient } from '../src/index.ts';
import { type LineForTests, lineForTests, mailsOf, submitted } from './line-for-tests.ts';

let line: LineForTests;
beforeAll(async () => {
  line = await lineForTests();
});
afterAll(async () => line.close());
beforeEach(async () => {
  for (const queue of line.topology.queues) await line.channel.purgeQueue(queue.name);
});
afterEach(async () => line.stopStages());
const until = <V>(what: string, condition: () => Promise<V | undefined | false>) => waitFor(condition, { what, timeoutMs: 8_000 });

describe('outcomes', () => {
  test('done: handed on with a new copy id and the hop in its trace, then acknowledged', async () => {
    const mail = submitted();
    await line.stage((one) => done([toStation('mta', { ...one, storedAt: 1 } as never)]));
    await line.put([mail]);
    const [next] = mailsOf(await until('mail at the MTA', () => line.take('3.mta')));
    expect(next).toMatchObject({ rootId: mail.rootId, mailId: mail.mailId, attempt: 1 });
    expect(next?.copyId).not.toBe(mail.copyId);
    expect(next?.trace.hops.map(({ stage: name }) => name)).toEqual(['store-driver.submit']);
    await until('acknowledged', async () => (await line.depth('2.mts-in')) === 0);
  });

  test('transient: onto the rung with the reason and the way back; it comes back with the next attempt', async () => {
    const attempts: number[] = [];
    await line.stage((mail) => {
      attempts.push(mail.attempt);
      return mail.attempt < 2 ? transient('directory: no answer') : done();
    });
    await line.put([submitted()]);
    await until('tried again', async () => attempts.length === 2);
    expect(attempts).toEqual([1, 2]);
  });

  test('the headers in the console tell reason, attempt and way back', async () => {
    await line.stage(() => transient('directory: no answer', { delayMs: 60_000 }));
    await line.put([submitted()]);
    const message = await until('on the rung', () => line.take('retry.1m'));
    expect(message.properties.headers).toMatchObject({ reason: 'directory: no answer', attempt: 2, 'return-to': 'mts-in', recipients: 1 });
  });

  test('permanent: a report for every recipient', async () => {
    await line.stage(() => permanent('too large', '5.2.3'));
    await line.put([submitted(['ada@corp.example', 'ben@corp.example'])]);
    const [report] = mailsOf(await until('report', () => line.take('9.aq.reports')));
    expect(report).toMatchObject({
      about: [{ action: 'failed', status: '5.2.3', reason: 'too large' }, { status: '5.2.3' }],
      reportedBy: 'store-driver.submit',
    });
  });

  test('poison: parked with the reason', async () => {
    await line.stage(() => poison('content does not match its digest'));
    const mail = submitted();
    await line.put([mail]);
    const message = await until('parked', () => line.take('2.mts-in.badmail'));
    expect(message.properties.headers).toMatchObject({
      reason: 'content does not match its digest',
      stage: 'store-driver.submit',
      'return-to': 'mts-in',
    });
    expect(mailsOf(message)[0]?.mailId).toBe(mail.mailId);
    expect(await line.ledger.counts()).toMatchObject({ badmail: 1 });
  });

  test('a part of the recipients later: another mail id, the same for every repeat, and the others are not held back', async () => {
    const mail = submitted(['ada@corp.example', 'ben@corp.example']);
    await line.stage((one) => {
      const [ada, ben] = one.recipients;
      if (ada === undefined || ben === undefined) return done();
      return done([
        toStation('mta', { ...one, recipients: [ada], storedAt: 1 } as never),
        later({ ...one, recipients: [ben] }, 'mailbox busy', { delayMs: 60_000 }),
      ]);
    });
    await line.put([mail]);
    await line.put([mail]);
    const twice = await Promise.all([1, 2].map(() => until('on the rung', () => line.take('retry.1m'))));
    const ids = twice.map((message) => mailsOf(message)[0]);
    expect(ids[0]?.mailId).not.toBe(mail.mailId);
    expect(ids[0]?.mailId).toBe(ids[1]?.mailId);
    expect(ids[0]?.parentId).toBe(mail.mailId);
    expect(ids[0]?.recipients.map(({ address }) => address)).toEqual(['SMTP:ben@corp.example']);
  });

  test('a handler that throws five times: parked, the reason readable', async () => {
    await line.stage(() => {
      throw new Error('cannot read properties of undefined');
    });
    await line.put([submitted(undefined, { faults: 4 })]);
    const message = await until('parked', () => line.take('2.mts-in.badmail'));
    expect(message.properties.headers?.['reason']).toBe('handler threw: cannot read properties of undefined (5 times)');
  });

  test('a handler that throws once is tried again with its faults counted', async () => {
    await line.stage(() => {
      throw new Error('a slip');
    });
    await line.put([submitted()]);
    const [mail] = mailsOf(await until('on the rung', () => line.take('retry.1s')));
    expect(mail).toMatchObject({ faults: 1, attempt: 2 });
  });

  test('a handler without an end: its deadline makes it transient', async () => {
    await line.stage(() => new Promise(() => {}), { handlerTimeoutMs: 50 });
    await line.put([submitted()]);
    const [mail] = mailsOf(await until('on the rung', () => line.take('retry.1s')));
    expect(mail?.lastReason).toBe('no decision within 0.05 s');
  });

  test('expired: 4.4.7 with the last reason, whatever the ladder would say', async () => {
    await line.stage(() => done());
    await line.put([submitted(undefined, { expiresAt: Date.now() - 1, lastReason: 'connection refused', attempt: 9 })]);
    const [report] = mailsOf(await until('report', () => line.take('9.aq.reports')));
    expect(report).toMatchObject({ about: [{ status: '4.4.7', reason: 'expired; last reason: connection refused' }] });
  });

  test('late when the attempt ends, though not when it began: reported with this attempt', async () => {
    const lateAt = Date.now() + 1_500;
    await line.stage(async () => {
      await until('the mail to be late', async () => Date.now() > lateAt);
      return transient('no greeting within 1 s', { delayMs: 60_000 });
    });
    const origin = { ...submitted().origin, at: lateAt - 12 * 3_600_000 };
    await line.put([submitted(undefined, { origin })]);
    const [report] = mailsOf(await until('delay report', () => line.take('9.aq.reports')));
    expect(report).toMatchObject({ about: [{ action: 'delayed', status: '4.4.7', reason: 'no greeting within 1 s' }] });
  });

  test('held by its sender: not handled before its time, its reason readable on the rung, and told', async () => {
    let handled = 0;
    await line.stage(() => {
      handled += 1;
      return done();
    });
    const heldUntil = Date.now() + 65_000;
    const wish = { heldUntil, dueAt: heldUntil, lastReason: 'held until noon, as its sender wished' };
    await line.put([submitted(undefined, wish)]);
    const message = await until('on the rung', () => line.take('retry.1m'));
    expect(message.properties.headers).toMatchObject({
      reason: 'held until noon, as its sender wished',
      attempt: 1,
      'return-to': 'mts-in',
    });
    expect(mailsOf(message)[0]).toMatchObject(wish);
    expect(handled).toBe(0);
  });

  test('held by its sender: let go when its time has come', async () => {
    const heldUntil = Date.now() + 2_000;
    const handledAt: number[] = [];
    await line.stage(() => {
      handledAt.push(Date.now());
      return done();
    });
    await line.put([submitted(undefined, { heldUntil, dueAt: heldUntil })]);
    await until('let go', async () => handledAt.length > 0);
    expect(handledAt[0]).toBeGreaterThan(heldUntil - 600);
  });

  test('held for a day: late only a delay after that, and not since it came', async () => {
    await line.stage(() => transient('refused', { delayMs: 60_000 }));
    const origin = { ...submitted().origin, at: Date.now() - 25 * 3_600_000 };
    await line.put([submitted(undefined, { origin, heldUntil: Date.now() - 3_600_000 })]);
    const [mail] = mailsOf(await until('on the rung', () => line.take('retry.1m')));
    expect(mail?.delayReported).toBe(false);
    expect(await line.depth('9.aq.reports')).toBe(0);
  });

  test('to be returned by a time that is over: 5.4.7', async () => {
    await line.stage(() => done());
    const at = Date.now() - 1;
    const deliverBy = { at, mode: 'return' as const, trace: false };
    await line.put([submitted(undefined, { deliverBy, expiresAt: at, lastReason: 'connection refused' })]);
    const [report] = mailsOf(await until('report', () => line.take('9.aq.reports')));
    const reason = 'not delivered by the time its sender set; last reason: connection refused';
    expect(report).toMatchObject({ about: [{ action: 'failed', status: '5.4.7', reason }] });
  });

  test('to be returned by a time: a wait ends with it', async () => {
    await line.stage(() => transient('refused', { delayMs: 600_000 }));
    const at = Date.now() + 65_000;
    await line.put([submitted(undefined, { deliverBy: { at, mode: 'return', trace: false }, expiresAt: at })]);
    const [mail] = mailsOf(await until('on the rung', () => line.take('retry.1m')));
    expect(Math.abs((mail?.dueAt ?? 0) - at)).toBeLessThan(50);
  });

  test('to be told of when it is late: a delay report with the next failure, once, and it stays on its way', async () => {
    await line.stage(() => transient('refused', { delayMs: 60_000, countAttempt: false }));
    const deliverBy = { at: Date.now() - 1, mode: 'notify' as const, trace: false };
    await line.put([submitted(undefined, { deliverBy })]);
    const [report] = mailsOf(await until('report', () => line.take('9.aq.reports')));
    expect(report).toMatchObject({ about: [{ action: 'delayed', status: '4.4.7', reason: 'refused' }] });
    const [mail] = mailsOf(await until('on the rung', () => line.take('retry.1m')));
    expect(mail?.delayReported).toBe(true);
    await line.put([{ ...submitted(undefined, { deliverBy }), delayReported: true }]);
    await until('on the rung again', () => line.take('retry.1m'));
    expect(await line.depth('9.aq.reports')).toBe(0);
  });

  test('late: a delay report beside the retry, once', async () => {
    await line.stage(() => transient('refused', { delayMs: 60_000 }));
    const origin = { ...submitted().origin, at: Date.now() - 13 * 3_600_000 };
    await line.put([submitted(undefined, { origin })]);
    const [report] = mailsOf(await until('report', () => line.take('9.aq.reports')));
    expect(report).toMatchObject({ about: [{ action: 'delayed', status: '4.4.7' }] });
    const [mail] = mailsOf(await until('on the rung', () => line.take('retry.1m')));
    expect(mail?.delayReported).toBe(true);
    await line.put([mail]);
    await until('on the rung again', () => line.take('retry.1m'));
    expect(await line.depth('9.aq.reports')).toBe(0);
  });
});

describe('repeats (R3, R12)', () => {
  test('two copies of one return from the ladder: one goes on', async () => {
    let handled = 0;
    await line.stage(() => {
      handled += 1;
      return done();
    });
    const mail = submitted(undefined, { attempt: 2 });
    await line.put([mail]);
    await line.put([{ ...mail, copyId: submitted().copyId }]);
    await until('both acknowledged', async () => (await line.depth('2.mts-in')) === 0 && handled > 0);
    await line.put([mail]); // the winner again, redelivered: goes on
    await until('worked again', async () => handled === 2);
    expect(handled).toBe(2);
  });

  test('waits that are no attempts keep their attempt and are not claimed away', async () => {
    const seen: string[] = [];
    await line.stage((mail) => {
      seen.push(`${mail.attempt}/${mail.waits ?? 0}`);
      return seen.length < 3 ? transient('another pod is at it', { delayMs: 1_000, countAttempt: false }) : done();
    });
    await line.put([submitted()]);
    await until('third time', async () => seen.length === 3);
    expect(seen).toEqual(['1/0', '1/1', '1/2']);
  });

  test('early: back on the longest rung that fits, untouched', async () => {
    let handled = 0;
    await line.stage(() => {
      handled += 1;
      return done();
    });
    const dueAt = Date.now() + 700_000;
    await line.put([submitted(undefined, { attempt: 3, dueAt, lastReason: 'refused' })]);
    const [mail] = mailsOf(await until('on the rung', () => line.take('retry.10m')));
    expect(mail).toMatchObject({ attempt: 3, dueAt, lastReason: 'refused' });
    expect(handled).toBe(0);
  });

  test('submission claims: the second copy of a mail is dropped, and accepted counts once', async () => {
    const seen: string[] = [];
    await line.stage(
      (mail) => {
        seen.push(mail.copyId);
        return done();
      },
      { claimsAccepted: true },
    );
    const before = await line.ledger.counts();
    const mail = submitted(['ada@corp.example', 'ben@corp.example']);
    const copy = { ...mail, copyId: submitted().copyId };
    await line.put([mail, copy]);
    await until('acknowledged', async () => seen.length === 1 && (await line.depth('2.mts-in')) === 0);
    const after = await line.ledger.counts();
    expect((after !== 'silent' ? (after.accepted ?? 0) : 0) - (before !== 'silent' ? (before.accepted ?? 0) : 0)).toBe(2);
  });

  test('ledger silent: the mail goes on and a possible duplicate is counted', async () => {
    let handled = 0;
    line.ledger.silent = true;
    const silent = { ...line.ledger, claim: () => Promise.resolve('silent' as const), close: async () => {} };
    const stage = await line.stage(
      () => {
        handled += 1;
        return done();
      },
      { claimsAccepted: true, ledger: silent },
    );
    await line.put([submitted()]);
    await until('worked', async () => handled === 1);
    const text = await stage.metrics.registry.metrics();
    expect(text).toMatch(/possible_duplicates_total\{cause="ledger silent",stage="test"\} 1/);
    line.ledger.silent = false;
  });
});

describe('bags (B1 to B6, R7)', () => {
  test('sixteen mails in, one bag out; each has its own outcome', async () => {
    const mails = Array.from({ length: 16 }, () => submitted());
    const bad = mails[5]?.mailId;
    await line.stage((mail) => (mail.mailId === bad ? poison('this one') : done([toStation('mta', { ...mail, storedAt: 1 } as never)])));
    await line.put(mails);
    const message = await until('bag', () => line.take('3.mta'));
    expect(mailsOf(message)).toHaveLength(15);
    expect(message.properties.headers).toMatchObject({ mails: 15, recipients: 15, lane: 'normal' });
    expect(mailsOf(await until('parked', () => line.take('2.mts-in.badmail')))).toHaveLength(1);
  });

  test('the wrapper cannot be read: the whole message is parked, bytes untouched', async () => {
    await line.stage(() => done());
    for (const body of [
      '{"schema":"mts-in.v1","mails":[',
      '{"schema":"mts-in.v1","mails":[]}',
      '[]',
      '{"schema":"nonsense","mails":[1]}',
      '{"schema":"mta.v1","mails":[1]}',
    ]) {
      await line.putRaw(body);
      const message = await until('parked', () => line.take('2.mts-in.badmail'));
      expect(message.content.toString()).toBe(body);
      expect(String(message.properties.headers?.['reason'])).not.toBe('');
    }
  });

  test('one unreadable mail of a bag is parked with its place; the others go on', async () => {
    await line.stage((mail) => done([toStation('mta', { ...mail, storedAt: 1 } as never)]));
    await line.put([submitted(), { rootId: 'not an id' }, submitted()]);
    const parked = await until('parked', () => line.take('2.mts-in.badmail'));
    expect(JSON.parse(parked.content.toString())).toEqual({ schema: 'mts-in.v1', mails: [{ rootId: 'not an id' }] });
    expect(parked.properties.headers).toMatchObject({ 'bag-index': 1 });
    expect(mailsOf(await until('bag', () => line.take('3.mta')))).toHaveLength(2);
  });

  test('a newer version waits for its reader, badmail after an hour', async () => {
    await line.stage(() => done());
    await line.put([submitted()], { schema: 'mts-in.v2' });
    const waiting = await until('on the rung', () => line.take('retry.1m'));
    expect(waiting.properties.headers).toMatchObject({ 'return-to': 'mts-in', 'version-waits': 1 });
    await line.put([submitted()], { schema: 'mts-in.v2', headers: { 'version-waits': 60 } });
    const parked = await until('parked', () => line.take('2.mts-in.badmail'));
    expect(parked.properties.headers?.['reason']).toMatch(/newer than this service/);
  });

  test('a mail whose process died five times is parked; its neighbours in the bag are not', async () => {
    const [culprit, neighbour] = [submitted(), submitted()];
    for (let times = 0; times < 4; times += 1) await line.ledger.crash.begin(`store-driver.submit:${culprit.mailId}`);
    await line.put([culprit, neighbour], { headers: { 'x-delivery-count': 1 } });
    await line.stage((mail) => done([toStation('mta', { ...mail, storedAt: 1 } as never)]));
    const parked = await until('parked', () => line.take('2.mts-in.badmail'));
    expect(parked.properties.headers?.['reason']).toBe('process died 5 times');
    expect(mailsOf(parked)[0]?.mailId).toBe(culprit.mailId);
    const [on] = mailsOf(await until('neighbour', () => line.take('3.mta')));
    expect(on?.mailId).toBe(neighbour.mailId);
    expect(await line.ledger.crash.begin(`store-driver.submit:${neighbour.mailId}`)).toBe(1);
  });

  test('a slow mail leaves a bag whose others are done, and is not lost (B4)', async () => {
    let now = Date.now();
    const slow = submitted();
    let asked = 0;
    const { promise: never } = Promise.withResolvers<never>();
    await line.stage(
      (mail) => {
        if (mail.mailId !== slow.mailId) return done();
        asked += 1;
        return asked === 1 ? never : done([toStation('mta', { ...mail, storedAt: 1 } as never)]);
      },
      { clock: () => now },
    );
    await line.put([slow, submitted()]);
    await until('in hand', async () => asked === 1);
    now += 11_000;
    const [on] = mailsOf(await until('worked again', () => line.take('3.mta')));
    expect(on?.mailId).toBe(slow.mailId);
  });
});

test('looking changes nothing: 30 peeks with requeue, and the mail is where it was', async () => {
  await line.put([submitted()]);
  for (let peek = 0; peek < 30; peek += 1) {
    const messages = await line.vhost.api('POST', `queues/${line.vhost.name}/2.mts-in/get`, {
      count: 1,
      ackmode: 'ack_requeue_true',
      encoding: 'auto',
    });
    expect(messages).toHaveLength(1);
  }
  let crashes = 0;
  await line.stage((mail) => {
    crashes += 1;
    return done([toStation('mta', { ...mail, storedAt: 1 } as never)]);
  });
  expect(mailsOf(await until('handed on', () => line.take('3.mta')))).toHaveLength(1);
  expect(crashes).toBe(1);
});

test('SIGTERM’s way: what is in hand is finished, what is not taken stays', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let taken = 0;
  const stage = await line.stage(async (mail) => {
    taken += 1;
    await gate;
    return done([toStation('mta', { ...mail, storedAt: 1 } as never)]);
  });
  await line.put([submitted()]);
  await until('in hand', async () => taken === 1);
  const stopped = stage.stop();
  await line.put([submitted()]);
  open();
  await stopped;
  expect([await line.depth('3.mta'), await line.depth('2.mts-in')]).toEqual([1, 1]);
});
