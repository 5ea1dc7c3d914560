import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { freshVhost, redisForTests, waitFor } from '@mailrail/testing';
import { letter, sendOne } from './src/smtp-sender.ts';
import { startSystem } from './src/system.ts';

test('Ctrl-C with mail waiting, a second start on the same data: it is delivered, once', async () => {
  const data = mkdtempSync(path.join(tmpdir(), 'mailrail-resume-'));
  const [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  const again = { data, amqpUrl: vhost.amqpUrl, managementUrl: vhost.managementUrl, redisUrl: redis.redisUrl };
  const first = await startSystem(again);
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      sendOne(first.first.smtp, { to: ['ada@corp.example', 'team@corp.example'], message: letter(`resume-${index}`) }),
    ),
  );
  expect(answers.every(({ code }) => code === 250)).toBe(true);
  expect(await first.stopLine()).toBe(0);
  await first.close();

  const second = await startSystem(again);
  const box = () => second.mailbox('ben@corp.example');
  await waitFor(() => box().length === 60, { what: '60 mails', timeoutMs: 30_000 });
  const ids = await Promise.all(
    second.mailbox('ada@corp.example').map(async (file) => /<(resume-\d+)@/.exec(await second.read(file))?.[1]),
  );
  await second.settled();
  expect(new Set(ids).size).toBe(60);
  expect(ids).toHaveLength(60);
  await second.close();
  await vhost.drop();
  await redis.drop();
  rmSync(data, { recursive: true });
}, 120_000);
