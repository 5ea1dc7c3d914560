import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { expect } from '@jest/globals';
import { GatewayMail } from '@mailrail/contracts';
import { redisLedger } from '@mailrail/ledger';
import { noHeader } from '@mailrail/mail';
import { type PlaceOptions, type ServicePlace } from '@mailrail/pipeline/service-place';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { mailTo, waitFor } from '@mailrail/testing';
import { gatewayStation } from '@mailrail/topology';
import { start } from '../src/main.ts';
import type { OutStep } from '../src/out-folder.ts';

/** What connectors for the gateways `gwapi` and `plant` need around them. */
export const placeOptions: PlaceOptions = {
  connectors: [
    { name: 'gwapi', kind: 'foreign' },
    { name: 'plant', kind: 'foreign' },
  ],
  organization: `gateways:
  - { name: gwapi, kind: folder, dialect: gwapi, addressSpaces: [{ space: 'GWISE:*' }] }
  - { name: plant, kind: folder, dialect: bsmtp, addressSpaces: [{ space: 'SMTP:silo.example' }] }
  - { name: in-only, kind: folder, dialect: ffapi }
addressTemplates:
  - { foreign: 'GWISE:EXCH.SITE.%m', internet: 'SMTP:%m@corp.example', people: ours }
`,
};

export const steps: readonly OutStep[] = ['spooled', 'parts', 'ready', 'marked', 'placed', 'recorded'];

/** The folders of a place's gateways, and what the MTA and the foreign side do there. */
export function gatewaysOf(place: ServicePlace) {
  const env = { ...place.env, IN_DIR: path.join(place.folder, 'in') };
  const folder = (gateway: string, name: string) => path.join(env.IN_DIR, gateway, name);
  const filesIn = (gateway: string, name: string) => readdir(folder(gateway, name)).catch(() => [] as string[]);

  async function publish(gateway: string, to: string[], more: Partial<GatewayMail> = {}): Promise<GatewayMail> {
    const text = 'From: ada@corp.example\r\nTo: x@corp.example\r\nSubject: Silo 7\r\n\r\nprüfen\r\n';
    const bytes = Buffer.from(`Return-Path: <ada@corp.example>\r\n${text}`);
    const stored = await place.withContent(mailTo(to), 'smtp', bytes);
    const recipients = stored.recipients.map((one, at) => ({ ...one, address: to[at] ?? '' }));
    const mail = GatewayMail.schema.parse({
      ...stored,
      sender: 'SMTP:ada@corp.example',
      recipients,
      content: { ...stored.content, body: '8bit', relayOffset: bytes.indexOf('\n') + 1 },
      header: noHeader,
      storedAt: Date.now(),
      gateway,
      ...more,
    });
    await place.publish(gatewayStation(gateway), mail, 'mta.gateway.v1');
    return mail;
  }

  /**
   * Kills a connector behind a step, and starts another. The file must come out once, whether the foreign side takes it before the
   * repeat comes or not.
   */
  async function killedAt(step: OutStep, taken: boolean): Promise<void> {
    const ledger = redisLedger({ url: place.redis.redisUrl, log: silentLog, metrics: createMetrics('test') });
    const before = await ledger.counts();
    const handedOver = before === 'silent' ? 0 : (before.handedOver ?? 0);
    const mine = new Set<string>();
    const known = new Set(await filesIn('plant', 'OUT'));

    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'crash-child.ts'), 'plant', step], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(child, 'exit');
    await publish('plant', ['SMTP:ops@silo.example']);
    expect((await ended)[1]).toBe('SIGKILL');

    const take = async (): Promise<void> => {
      await mkdir(folder('plant', 'TAKEN'), { recursive: true });
      for (const name of await filesIn('plant', 'OUT')) {
        if (known.has(name)) continue;
        const times = [...mine].filter((one) => one.startsWith(name)).length;
        await rename(path.join(folder('plant', 'OUT'), name), path.join(folder('plant', 'TAKEN'), `${name}.${times}`));
        mine.add(`${name}.${times}`);
      }
    };
    if (taken) await take();
    const running = await start(env, 'plant');
    await waitFor(
      async () => {
        const now = await ledger.counts();
        const marks = (await filesIn('plant', 'OUT_WORK')).filter((name) => name.endsWith('.sent'));
        return now !== 'silent' && (now.handedOver ?? 0) === handedOver + 1 && marks.length === 0;
      },
      { what: 'the mail to be settled', timeoutMs: 30_000 },
    );
    const [metrics = ''] = await place.metrics(running);
    await running.stop(); // whatever it has in hand is over then
    await take();
    expect([...mine]).toHaveLength(1);
    const text = await readFile(path.join(folder('plant', 'TAKEN'), [...mine][0] ?? ''), 'utf8');
    expect(text).toMatch(
      /^EHLO .*\r\nMAIL FROM:<ada@corp\.example>.*\r\nRCPT TO:<ops@silo\.example>\r\nDATA\r\n[\s\S]*\r\n\.\r\nQUIT\r\n$/,
    );
    expect(metrics).not.toMatch(/possible_duplicates_total\{[^}]*\} [1-9]/);
    await ledger.close();
  }
  return { env, folder, filesIn, publish, killedAt };
}
