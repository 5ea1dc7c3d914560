import { expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { OutgoingMessage } from '@mailrail/broker';
import { mailTo } from '@mailrail/testing';
import { BagWriter } from '../src/bag-writer.ts';

test('a bag holds mails of one version, in the form of that version', async () => {
  const sent: OutgoingMessage[] = [];
  const bus = {
    publish: (message: OutgoingMessage) => {
      sent.push(message);
      return Promise.resolve();
    },
  };
  // A mail that does not fit its contract is written as it is, under the current name, beside others of the former one.
  const encode = (_station: string, { lane, mailId }: { lane: string; mailId: string }) =>
    lane === 'high' ? { schema: 'mta.v2', mail: { mailId } } : { schema: 'mta.v1', mail: { mailId, old: true } };
  const writer = new BagWriter(bus, undefined, { maxGapMs: 0, endAtConfirm: false }, encode);
  const mails = [mailTo(['ada@corp.example']), mailTo(['ben@corp.example'], { lane: 'high' }), mailTo(['chloe@corp.example'])];
  for (const mail of mails) void writer.add('mta', mail);
  await turn();
  await turn();
  const bags = sent.map(({ key, type, body }) => ({ key, type, ...JSON.parse(body.toString()) }));
  expect(bags).toEqual([
    { key: 'mta', type: 'mta.v1', schema: 'mta.v1', mails: [mails[0], mails[2]].map((mail) => ({ mailId: mail?.mailId, old: true })) },
    { key: 'mta', type: 'mta.v2', schema: 'mta.v2', mails: [{ mailId: mails[1]?.mailId }] },
  ]);
});
