import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { QueuedMail } from '@mailrail/contracts';
import { noHeader } from '@mailrail/mail';
import type { Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { mailTo } from '@mailrail/testing';
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

test('a mail in mta goes on to mta.smtp with a protocol', async () => {
  await place.ready(running);
  const mail = { ...mailTo(['ada@corp.example']), header: { ...noHeader, receivedCount: 1 }, storedAt: Date.now() };
  await place.publish('mta', mail);

  const bag = await place.takeBag(queueName('mta.smtp'));
  expect(bag.schema).toBe('mta.smtp.v1');
  expect(QueuedMail.schema.parse(bag.mails[0])).toMatchObject({ rootId: mail.rootId, protocol: 'smtp', lane: 'normal' });
}, 50_000);
