import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { AcceptedMail, Bag, LocalDelivery } from '@mailrail/contracts';
import { mailTo, waitFor } from '@mailrail/testing';
import { nodeOptionsOf } from '../../../deploy/local/src/stages.ts';
import { crowdLdif } from '../../../libs/directory/test/crowd.ts';
import { startSlapd } from '../../../libs/directory/test/slapd.ts';
import { servicePlace } from '../../../libs/pipeline/test/service-place.ts';

const members = 100_000;

/** The most memory a process has had, in MiB, as Linux counts it. */
function peakMib(pid: number): number {
  const [, kb = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kb) / 1_024);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill('SIGTERM');
  await promise;
}

/**
 * The whole of the categorizer's work on a mail to 100,000 people, in the process that the launcher starts, on a broker and a
 * Redis: it expands the group, takes its own chunks back and sends each person on once.
 */
test('one categorizer, a group of 100,000: everybody goes on once, under 300 MB', async () => {
  await using stack = new AsyncDisposableStack();
  const place = await servicePlace({ organization: `limits: { recipientsAfterExpansion: ${2 * members} }\n` });
  stack.defer(() => place.close());
  const ldif = path.join(place.folder, 'crowd.ldif');
  await writeFile(ldif, crowdLdif(members, ['EX1']));
  const slapd = await startSlapd({ ldif });
  stack.defer(() => slapd.stop());

  const stage = { name: 'categorizer', main: path.join(import.meta.dirname, '..', 'src', 'main.ts'), role: undefined };
  const env = { ...process.env, ...place.env, DIRECTORY_URL: slapd.url, LDAP_BIND_DN: slapd.admin, LDAP_PASSWORD: 'secret' };
  const child = spawn(process.execPath, [...nodeOptionsOf(stage), stage.main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  stack.defer(() => ended(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000);
    });
  }

  const started = performance.now();
  const mail = AcceptedMail.schema.parse({ ...mailTo(['everybody@corp.example']), renderedAt: 1, submittedAt: 2 });
  await place.publish('aq.pre-categorization', mail);

  const mailboxes = new Set<string>();
  let recipients = 0;
  let mails = 0;
  const takeSome = async (): Promise<void> => {
    const answer = await place.vhost.api('POST', `queues/${place.vhost.name}/7.store.local-delivery/get`, {
      count: 200,
      ackmode: 'ack_requeue_false',
      encoding: 'auto',
    });
    for (const { payload } of answer as { payload: string }[]) {
      // the management API's form
      for (const one of Bag.parse(JSON.parse(payload)).mails) {
        const delivery = LocalDelivery.schema.parse(one);
        mails += 1;
        recipients += delivery.recipients.length;
        for (const { mailbox } of delivery.recipients) mailboxes.add(mailbox.id);
      }
    }
  };
  await waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`the categorizer ended with ${child.exitCode}:\n${output}`);
      await takeSome();
      return mailboxes.size === members;
    },
    { what: 'everybody', timeoutMs: 500_000 },
  );
  const figures = { mails, ms: Math.round(performance.now() - started), peakMib: peakMib(child.pid ?? 0) };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(recipients).toBe(members); // nobody twice
  expect(figures.peakMib).toBeLessThan(300);
}, 600_000);
