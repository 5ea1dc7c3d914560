import { describe, expect, test } from '@jest/globals';
import { newCopyId } from '@mailrail/mail';
import { waitFor } from '@mailrail/testing';
import { routedTo } from './fakes.ts';
import { connectorTo, summary } from './line.ts';
import { type Script, scriptedServer } from './scripted-server.ts';

const ada = 'ada@remote.example';
const mails = (count: number) => Array.from({ length: count }, (_, at) => routedTo([`user${at}@remote.example`]));
const verbs = (commands: readonly string[]) => commands.map((line) => line.slice(0, 4));

describe('reuse', () => {
  test('one session carries mail after mail, without RSET, and says goodbye when it has been idle', async () => {
    await using server = await scriptedServer();
    using connector = connectorTo([server.port], { idleMs: 30 });
    for (const mail of mails(3)) expect(summary(await connector.handle(mail))).toEqual(['handed-over 1']);
    expect(connector.sessions()).toBe(1);
    const [session] = server.sessions;
    await waitFor(() => session?.commands.at(-1) === 'QUIT', { what: 'QUIT of the idle session' });
    expect(server.sessions).toHaveLength(1);
    expect(verbs(session?.commands ?? [])).toEqual([
      'EHLO',
      'MAIL',
      'RCPT',
      'DATA',
      'MAIL',
      'RCPT',
      'DATA',
      'MAIL',
      'RCPT',
      'DATA',
      'QUIT',
    ]);
    expect(connector.sessions()).toBe(0);
    await waitFor(() => server.open() === 0, { what: 'the connection to be closed' });
  });

  test('a session is worn out after so many mails', async () => {
    await using server = await scriptedServer();
    using connector = connectorTo([server.port], { mailsPerSession: 2 });
    for (const mail of mails(5)) await connector.handle(mail);
    expect(server.sessions.map((session) => session.mails.length)).toEqual([2, 2, 1]);
  });

  test('a refused transaction is reset, and the session goes on', async () => {
    await using server = await scriptedServer({
      say: (phase, line) => (phase === 'RCPT' && line.includes('user1') ? '550 5.1.1 unknown' : undefined),
    });
    using connector = connectorTo([server.port]);
    for (const mail of mails(3)) await connector.handle(mail);
    expect(server.mails.map(({ to }) => to)).toEqual([['<user0@remote.example>'], ['<user2@remote.example>']]);
    expect(verbs(server.sessions[0]?.commands ?? [])).toContain('RSET');
    expect(server.sessions).toHaveLength(1);
  });

  const deaths: { name: string; say: Script['say'] }[] = [
    { name: 'closes at the next MAIL', say: (phase, _, { mails: { length } }) => (phase === 'MAIL' && length === 1 ? 'cut' : undefined) },
    { name: 'closes at the next RCPT', say: (phase, _, { mails: { length } }) => (phase === 'RCPT' && length === 1 ? 'cut' : undefined) },
    { name: 'closes while it is idle', say: (phase, _, { socket }) => void (phase === 'END' && setImmediate(() => socket.end())) },
    {
      name: 'says 421 while it is idle',
      say: (phase, _, { socket }) => void (phase === 'END' && setImmediate(() => socket.end('421 4.4.2 too slow\r\n'))),
    },
    {
      name: 'resets while it is idle',
      say: (phase, _, { socket }) => void (phase === 'END' && setImmediate(() => socket.resetAndDestroy())),
    },
  ];
  test.each(deaths)('a peer that $name loses no mail and makes none double', async ({ say }) => {
    let sessions = 0;
    const first = new Set<unknown>();
    // Only the first session is mean.
    await using server = await scriptedServer({
      say: (phase, line, session, nth) => {
        if (phase === 'CONNECT' && sessions++ === 0) first.add(session);
        return first.has(session) ? say?.(phase, line, session, nth) : undefined;
      },
    });
    using connector = connectorTo([server.port]);
    for (const mail of mails(3)) expect(summary(await connector.handle(mail))).toEqual(['handed-over 1']);
    expect(server.mails.map(({ to }) => to[0])).toEqual([0, 1, 2].map((at) => `<user${at}@remote.example>`));
    expect(await connector.duplicates()).toEqual({});
  });
});

describe('many mails', () => {
  test('500 mails over 20 sessions: each once, never more than 20 at a time', async () => {
    await using server = await scriptedServer({ keep: false });
    using connector = connectorTo([server.port], { current: { maxSessions: 20 } });
    let most = 0;
    const all = mails(500);
    const places = Array.from({ length: 20 }, async (_, place) => {
      for (let at = place; at < all.length; at += 20) {
        const mail = all[at];
        if (mail === undefined) continue;
        expect(summary(await connector.handle(mail))).toEqual(['handed-over 1']);
        most = Math.max(most, server.open(), connector.sessions());
      }
    });
    await Promise.all(places);
    expect(most).toBeLessThanOrEqual(20);
    expect(new Set(server.mails.map(({ to }) => to[0])).size).toBe(500);
    expect(server.mails).toHaveLength(500);
    expect(await connector.ledger.counts()).toEqual({ handedOver: 500 });
  });

  test('more mails than places wait for one', async () => {
    await using server = await scriptedServer();
    using connector = connectorTo([server.port], { current: { maxSessions: 2 } });
    const outcomes = await Promise.all(mails(20).map((mail) => connector.handle(mail)));
    expect(outcomes.map(summary)).toEqual(Array.from({ length: 20 }, () => ['handed-over 1']));
    expect(server.sessions).toHaveLength(2);
  });

  test('an idle session gives way to another host', async () => {
    await using one = await scriptedServer();
    await using other = await scriptedServer();
    using connector = connectorTo([], { current: { hosts: [], maxSessions: 1 } });
    const to = (port: number) => routedTo([ada], { destination: `[127.0.0.1]:${port}` });
    expect(summary(await connector.handle(to(one.port)))).toEqual(['handed-over 1']);
    expect(summary(await connector.handle(to(other.port)))).toEqual(['handed-over 1']);
    await waitFor(() => one.sessions[0]?.commands.at(-1) === 'QUIT', { what: 'QUIT at the first host' });
    expect(connector.sessions()).toBe(1);
  });
});

describe('several hosts', () => {
  test('the second one is taken when the first fails, and first for a while', async () => {
    await using bad = await scriptedServer({ say: (phase) => (phase === 'CONNECT' ? '421 4.3.2 busy' : undefined) });
    await using good = await scriptedServer();
    using connector = connectorTo([bad.port, good.port], { mailsPerSession: 2 });
    for (const mail of mails(4)) expect(summary(await connector.handle(mail))).toEqual(['handed-over 1']);
    expect(bad.sessions).toHaveLength(1);
    expect(good.sessions.map((session) => session.mails.length)).toEqual([2, 2]);
  });

  test('all failed: the reason of the first, and how many more', async () => {
    const no = (text: string): Script => ({ say: (phase) => (phase === 'CONNECT' ? text : undefined) });
    await using one = await scriptedServer(no('421 4.3.2 busy'));
    await using other = await scriptedServer(no('554 5.7.1 blocked'));
    using connector = connectorTo([one.port, other.port]);
    expect(summary(await connector.handle(routedTo([ada])))).toEqual([
      'transient (transport): 127.0.0.1: the server closes the session: 421 4.3.2 busy (and 1 more tried)',
    ]);
  });
});

describe('recipients too many for one transaction', () => {
  const few: Script['say'] = (phase, _, session) => {
    if (phase !== 'RCPT') return undefined;
    const since = session.commands.slice(session.commands.findLastIndex((line) => line.startsWith('MAIL')));
    return since.filter((line) => line.startsWith('RCPT')).length > 2 ? '452 4.5.3 too many recipients' : undefined;
  };
  const five = [1, 2, 3, 4, 5].map((at) => `user${at}@remote.example`);
  test('go into further ones on the same session', async () => {
    await using server = await scriptedServer({ say: few });
    using connector = connectorTo([server.port]);
    expect(summary(await connector.handle(routedTo(five)))).toEqual(['handed-over 5']);
    expect(server.sessions).toHaveLength(1);
    expect(server.mails.map(({ to }) => to.length)).toEqual([2, 2, 1]);
  });
  test('wait when nobody gets in', async () => {
    await using server = await scriptedServer({ say: (phase) => (phase === 'RCPT' ? '452 4.5.3 too many recipients' : undefined) });
    using connector = connectorTo([server.port]);
    expect(summary(await connector.handle(routedTo(five)))).toEqual(['transient (transport): 452 4.5.3 too many recipients']);
    expect(server.sessions[0]?.commands.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
  });
});

describe('stopping', () => {
  test('before the dot: the mail goes back, the destination is not blamed, the offer is open again', async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await scriptedServer({
      say: (phase) => {
        if (phase !== 'RCPT') return undefined;
        asked.resolve();
        return 'hang';
      },
    });
    using connector = connectorTo([server.port]);
    const controller = new AbortController();
    const mail = routedTo([ada]);
    const outcome = connector.handle(mail, { signal: controller.signal });
    await asked.promise;
    controller.abort();
    expect(summary(await outcome)).toEqual(['transient (transport): stopped']);
    expect(await connector.ledger.destinations.get('internet/remote.example')).toMatchObject({ failures: 0 });
    expect(await connector.ledger.offer(`h:${mail.rootId}:0:SMTP:${ada}`, newCopyId(), Date.now() + 1_000)).toEqual({ kind: 'offered' });
  });

  test('after the dot: the reply is waited for', async () => {
    const asked = Promise.withResolvers<void>();
    const held: (() => void)[] = [];
    await using server = await scriptedServer({
      say: (phase, _, { socket }) => {
        if (phase !== 'END') return undefined;
        held.push(() => socket.write('250 2.0.0 at last\r\n'));
        asked.resolve();
        return 'hang';
      },
    });
    using connector = connectorTo([server.port]);
    const controller = new AbortController();
    const outcome = connector.handle(routedTo([ada]), { signal: controller.signal });
    await asked.promise;
    controller.abort();
    for (const answer of held) answer();
    expect(summary(await outcome)).toEqual(['handed-over 1']);
  });

  test('while it waits for a place', async () => {
    await using server = await scriptedServer({ say: (phase) => (phase === 'END' ? 'hang' : undefined) });
    using connector = connectorTo([server.port], { current: { maxSessions: 1 }, limits: { finalMs: 100 } });
    const first = connector.handle(routedTo([ada]));
    const controller = new AbortController();
    const second = connector.handle(routedTo([ada]), { signal: controller.signal });
    controller.abort();
    expect(summary(await second)).toEqual(['transient (transport): no session came free in time']);
    await first;
  });

  test('the time for one mail bounds every phase up to the closing dot', async () => {
    await using server = await scriptedServer({ offers: [], say: (phase) => (phase === 'MAIL' ? 'hang' : undefined) });
    using connector = connectorTo([server.port], { sessionLimitMs: 500 });
    expect(summary(await connector.handle(routedTo([ada])))[0]).toMatch(
      /^transient \(transport\): no reply to MAIL, RCPT or DATA within \d+ ms$/,
    );
  });

  test('behind the closing dot a slow reply is waited for, though the time for the mail is over', async () => {
    await using server = await scriptedServer({
      say: (phase, _, { socket }) => {
        if (phase !== 'END') return undefined;
        setTimeout(() => socket.write('250 2.0.0 at last\r\n'), 300);
        return 'hang';
      },
    });
    const now = Date.now();
    using connector = connectorTo([server.port], { sessionLimitMs: 100, limits: { hurriedMs: 50 } });
    expect(summary(await connector.handle(routedTo([ada], { expiresAt: now + 100 })))).toEqual(['handed-over 1']);
    expect(Date.now() - now).toBeGreaterThanOrEqual(290);
    expect(await connector.duplicates()).toEqual({});
  });
});
