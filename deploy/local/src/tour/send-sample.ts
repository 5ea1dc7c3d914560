import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Endpoints } from '../endpoints.ts';
import { besideBytes, fileOf, type Sample, sampleBytes } from './samples.ts';
import { sendBySmtp } from './smtp-send.ts';

const portOf = (url: string) => Number(new URL(url).port);

/**
 * Sends a sample by its way in.
 *
 * @returns the identity the line gave it, where its answer says it.
 * @throws Error with the answer when it was not taken.
 */
export async function sendSample(sample: Sample, run: string, line: Endpoints): Promise<string | undefined> {
  const bytes = sampleBytes(sample, run, new Date());
  const envelope = { sender: sample.from, recipients: sample.to, bytes };
  switch (sample.way) {
    case 'SMTP':
      return idIn(await sendBySmtp({ port: portOf(line.smtp), ...envelope }));
    case 'submission': {
      const { url, user, password } = line.submission;
      return idIn(await sendBySmtp({ port: portOf(url), auth: { user, password }, ...envelope }));
    }
    case 'HTTP': {
      const query = new URLSearchParams({ from: sample.from });
      for (const address of sample.to) query.append('to', address);
      const answer = await fetch(`${line.http}/v1/messages?${query.toString()}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${line.apiKey}`, 'content-type': 'message/rfc822' },
        body: new Uint8Array(bytes),
        signal: AbortSignal.timeout(30_000),
      });
      const text = await answer.text();
      if (answer.status !== 202) throw new Error(`HTTP ${answer.status} ${text.slice(0, 200)}`);
      return idIn(text);
    }
    case 'pickup':
    case 'replay':
    case 'bsmtp':
    case 'sgw':
    case 'gwapi':
    case 'ffapi':
    case 'dxl':
    case 'x400-text':
    case 'mbox':
    case 'sms':
    case 'ccmail':
    case 'notes-text': {
      const folder = path.join(line.in, sample.way, 'IN');
      const attachments = path.join(line.in, sample.way, 'ATT_IN');
      for (const name of sample.beside ?? []) {
        await mkdir(attachments, { recursive: true });
        await writeFile(path.join(attachments, name), besideBytes(name)); // before the file that names them
      }
      const temporary = path.join(line.in, sample.way, `.${sample.name}.${run}`);
      await mkdir(folder, { recursive: true });
      await writeFile(temporary, bytes);
      await rename(temporary, path.join(folder, `${run}.${fileOf(sample)}`)); // never seen half-written
      return undefined;
    }
  }
}

/** The first UUID in an answer. */
function idIn(text: string): string | undefined {
  return /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.[0];
}
