import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AcceptedMail } from '@mailrail/contracts';
import { allFailed, ConfigError, type Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { mailTo, waitFor } from '@mailrail/testing';
import { queueName } from '@mailrail/topology';
import { start } from '../src/main.ts';

let place: ServicePlace;
let running: Running[];
beforeAll(async () => {
  place = await servicePlace();
  running = await Promise.all([start(place.env, 'submit'), start(place.env, 'report')]);
}, 30_000);
afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await place.close();
});

test('a failure in aq.reports becomes a report that passes submission into aq.pre-categorization', async () => {
  await place.ready(...running);
  const failed = allFailed(mailTo(['nobody@corp.example']), '5.1.1', 'no entry has this address', 'categorizer');
  await place.publish('aq.reports', failed);

  const bag = await place.takeBag(queueName('aq.pre-categorization'));
  expect(bag.schema).toBe('aq.pre-categorization.v1');
  const report = AcceptedMail.schema.parse(bag.mails[0]);
  expect(report).toMatchObject({ sender: null, origin: { dialect: 'report' }, recipients: [{ address: 'SMTP:zoe@elsewhere.example' }] });
  expect(await place.content.verify(report.content.ref)).toEqual({ sizeBytes: report.content.sizeBytes, sha256: report.content.sha256 });

  // The same again, as after a crash: counted as a repeat at submission, and nothing follows.
  await place.publish('aq.reports', failed);
  const repeats = async () => {
    const metrics = await place.metrics(...running);
    return metrics.some((text) => /mailrail_mails_handled_total\{outcome="repeat",stage="advanced-queuing.submit"\} 1/.test(text));
  };
  await waitFor(repeats, { what: 'the repeat to be dropped', timeoutMs: 20_000 });
  expect(await place.take(queueName('aq.pre-categorization'))).toBeUndefined();
}, 60_000);

test('without a role it does not start, and says so', async () => {
  await expect(start(place.env, undefined)).rejects.toThrow(ConfigError);
  await expect(start(place.env, 'deliver')).rejects.toThrow('the role must be submit or report, not deliver');
});
