import { expect, test } from '@jest/globals';
import { routedTo } from './fakes.ts';
import { connectorTo, summary } from './line.ts';
import { scriptedServer } from './scripted-server.ts';
import { UnprovenDestinations } from '../src/unproven.ts';

function gate(most = 2) {
  let now = 1_000_000;
  const unproven = new UnprovenDestinations({ most: () => most, now: () => now });
  const told = (name: string) => {
    const entry = unproven.enter(name);
    return entry.kind === 'go' ? 'go' : entry.delayMs;
  };
  return { unproven, told, pass: (ms: number) => (now += ms) };
}

test('before its first answer a destination has a few mails in hand, others as many', () => {
  const { told } = gate();
  expect(['x', 'x', 'x', 'y', 'y', 'y'].map(told)).toEqual(['go', 'go', 1_000, 'go', 'go', 1_000]);
});

test('the others come back later when the first ones hang', () => {
  const { told, pass } = gate();
  told('x');
  told('x');
  pass(3_000);
  expect(told('x')).toBe(10_000);
});

test('after an answer it may have any number, for ten minutes', () => {
  const { unproven, told, pass } = gate();
  told('x');
  unproven.leave('x', true);
  expect(['x', 'x', 'x'].map(told)).toEqual(['go', 'go', 'go']);
  pass(600_001);
  expect(told('x')).toBe(10_000);
});

test('a failure makes it unproven again', () => {
  const { unproven, told } = gate(1);
  told('x');
  unproven.leave('x', true);
  told('x');
  told('x');
  unproven.leave('x', false);
  expect(told('x')).toBe(1_000);
  unproven.leave('x', false);
  expect(told('x')).toBe('go');
});

test('ten thousand destinations are remembered, those in hand always', () => {
  const { unproven, told } = gate(1);
  told('busy');
  for (let at = 0; at < 10_001; at++) {
    told(`x${at}`);
    unproven.leave(`x${at}`, true);
  }
  expect(told('busy')).toBe(1_000);
  expect([told('x1'), told('x1')]).toEqual(['go', 1_000]); // forgotten
  expect([told('x10000'), told('x10000')]).toEqual(['go', 'go']);
});

test('a black hole leaves places to other destinations', async () => {
  const connected = Promise.withResolvers<void>();
  await using hole = await scriptedServer({
    say: (phase) => {
      if (phase !== 'CONNECT') return undefined;
      connected.resolve();
      return 'hang';
    },
  });
  await using good = await scriptedServer();
  using connector = connectorTo([], { current: { hosts: [], maxSessions: 4 }, limits: { greetingMs: 300 } });
  const to = (port: number) => routedTo(['ada@remote.example'], { destination: `[127.0.0.1]:${port}` });
  const stuck = Array.from({ length: 8 }, () => connector.handle(to(hole.port)));
  await connected.promise;
  expect(summary(await connector.handle(to(good.port)))).toEqual(['handed-over 1']);
  const outcomes = (await Promise.all(stuck)).map((outcome) => summary(outcome)[0]);
  expect(outcomes.filter((text) => text === 'transient (transport): 127.0.0.1: no greeting within 300 ms')).toHaveLength(1);
  expect(outcomes.filter((text) => text?.includes('waits until the destination has answered'))).toHaveLength(7);
});
