import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SubmittedMail } from '@mailrail/contracts';
import type { Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { mailTo, messageBytes } from '@mailrail/testing';
import { queueName } from '@mailrail/topology';
import { start } from '../src/main.ts';

let place: ServicePlace;
let running: Running;
beforeAll(async () => {
  place = await servicePlace();
  running = await start(place.env);
}, 30_000);
afterAll(async () => {
  await running.stop();
  await place.close();
});

test('a foreign message in gateway.in becomes a submitted mail in mts-in', async () => {
  await place.ready(running);
  const mail = await place.withContent(mailTo(['ada@corp.example']), 'message', messageBytes({ 'Message-ID': '<1@a.example>' }));
  await place.publish('gateway.in', mail);

  const bag = await place.takeBag(queueName('mts-in'));
  expect(bag.schema).toBe('mts-in.v1');
  expect(SubmittedMail.schema.parse(bag.mails[0])).toMatchObject({
    rootId: mail.rootId,
    header: { messageId: '<1@a.example>', priority: 'normal' },
  });
}, 50_000);
