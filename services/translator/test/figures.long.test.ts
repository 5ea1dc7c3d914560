import { expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { newRootId } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import { mailTo } from '@mailrail/testing';
import { plainAddressMap } from '../src/address-map.ts';
import { dialectRegistry } from '../src/dialects/dialect.ts';
import { internet } from '../src/dialects/internet.ts';
import { translate } from '../src/translate.ts';

test('Internet mail costs less than 0.3 ms of CPU in the translator', async () => {
  const content = memoryContentStore();
  const deps = {
    dialects: dialectRegistry([internet]),
    content,
    addresses: plainAddressMap,
    organization: organizationOf({ hostname: 'ex1.corp.example' }).current(),
  };
  const fields = Array.from({ length: 20 }, (_, at) => `X-Field-${at}: ${'y'.repeat(60)}\r\n`).join('');
  const bytes = Buffer.from(`From: a@x.example\r\nTo: b@y.example\r\nMessage-ID: <1@x>\r\n${fields}\r\n${'x'.repeat(3_000)}\r\n`);
  const mails = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const mail = mailTo(['ada@corp.example'], { rootId: newRootId() });
      const stored = await content.put({ rootId: mail.rootId, form: 'message' }, [bytes]);
      return { ...mail, content: { ...mail.content, ...stored } };
    }),
  );
  const rounds = 10;
  const run = async (): Promise<void> => {
    for (const mail of mails) {
      const outcome = await translate(mail, deps);
      if (outcome.kind !== 'done') throw new Error(outcome.reason);
    }
  };
  await run(); // compiled
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) await run();
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1_000 / (rounds * mails.length);
  process.stdout.write(`${cpuMs.toFixed(3)} ms of CPU a mail\n`);
  expect(cpuMs).toBeLessThan(0.3);
});
