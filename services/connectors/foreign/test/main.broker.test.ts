import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { DeliveryReport } from '@mailrail/contracts';
import { fileDialects } from '@mailrail/foreign';
import { ConfigError, type Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { mailTo, waitFor } from '@mailrail/testing';
import { queueName } from '@mailrail/topology';
import { start } from '../src/main.ts';
import { gatewaysOf, placeOptions } from './kills.ts';

let place: ServicePlace;
let running: Running | undefined;
let at: ReturnType<typeof gatewaysOf>;

beforeAll(async () => {
  place = await servicePlace(placeOptions);
  at = gatewaysOf(place);
}, 30_000);
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(() => place.close());

test.each([
  [undefined, 'name the gateway'],
  ['in-only', 'the organization has no folder gateway in-only with addressSpaces'],
])('does not start as %s', async (name, gives) => {
  const error = await start(at.env, name).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain(gives);
});

test('a mail becomes one file, with the addresses the foreign system has; who asked hears that it was handed on', async () => {
  running = await start(at.env, 'gwapi');
  const mail = await at.publish('gwapi', ['GWISE:ACME.PO1.BO', 'GWISE:ACME.PO1.DI']);
  const [name = ''] = await waitFor(async () => ((await at.filesIn('gwapi', 'OUT')).length > 0 ? at.filesIn('gwapi', 'OUT') : undefined), {
    what: 'a file in OUT',
    timeoutMs: 20_000,
  });
  const file = await readFile(path.join(at.folder('gwapi', 'OUT'), name));
  const read = fileDialects.gwapi.read(file, { recipientsPerMessage: 10, messageBytes: 1_000_000 });
  expect(read).toMatchObject({
    entries: [{ sender: 'GWISE:EXCH.SITE.ada', recipients: [{ address: 'GWISE:ACME.PO1.BO' }, { address: 'GWISE:ACME.PO1.DI' }] }],
    files: [`${name.replace('.api', '')}.bdy`],
  });
  expect(await at.filesIn('gwapi', 'ATT_OUT')).toEqual([`${name.replace('.api', '')}.bdy`]);

  // The same mail once more, as another copy: the ledger knows.
  await at.publish('gwapi', ['GWISE:ACME.PO1.BO'], { ...mail, copyId: mailTo(['x@corp.example']).copyId });
  await at.publish('gwapi', ['GWISE:ACME.PO1.ASKS'], {
    recipients: mailTo(['x@corp.example']).recipients.map((one) => ({ ...one, address: 'GWISE:ACME.PO1.ASKS', notify: ['success'] })),
  });
  const bag = await place.takeBag(queueName('aq.reports'));
  expect(DeliveryReport.schema.parse(bag.mails[0])).toMatchObject({
    about: [{ action: 'relayed', recipient: { address: 'GWISE:ACME.PO1.ASKS' } }],
    reportedBy: 'connectors/foreign.gwapi',
  });
  expect(await at.filesIn('gwapi', 'OUT')).toHaveLength(2);
  expect(await at.filesIn('gwapi', 'OUT_WORK')).toEqual([]);
}, 60_000);

// All steps are in kills.long.test.ts.
test.each([
  ['ready', false],
  ['placed', true],
] as const)(
  'a kill behind step %s (taken at once: %s) neither loses nor doubles',
  async (step, taken) => {
    await at.killedAt(step, taken);
  },
  60_000,
);
