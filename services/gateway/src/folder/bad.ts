import { link, lstat, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { oneLine } from '@mailrail/mail';
import type { RefusalCode } from '../eml/refusal.ts';
import { unlessGone } from './claims.ts';
import { type FileName, hasCode, type Layout } from './layout.ts';
import { type Claimed, workName } from './work-name.ts';

/** A recipient that the mail was not accepted for, while others were. */
export interface LeftOut {
  recipient: string;
  field: string;
  code: RefusalCode;
  reason: string;
}

/** A message of a file whose other messages were accepted: its bytes go to BAD beside the reports. */
export interface BadPart {
  ordinal: number; // in the file, from 1
  bytes: Buffer;
}

export interface BadReport {
  gateway: string;
  dialect: string;
  at: number; // milliseconds since the epoch
  code: RefusalCode;
  reason: string; // a sentence
  where?: string;
  /** The mail was accepted all the same, for so many recipients; the file is not in BAD. */
  acceptedFor?: number;
  leftOut?: readonly LeftOut[];
}

/**
 * Puts a file into BAD, untouched, with `<name>.report.json` and `<name>.report.txt` beside it.
 *
 * The reports are written first: a crash between leaves the file in WORK, and the repeat finds its own report again. A name that
 * is taken in BAD is never replaced; then the file bears its identity in front.
 *
 * @param reported called between the reports and the move.
 * @returns its name in BAD.
 */
export async function moveToBad(layout: Layout, claimed: Claimed, report: BadReport, reported?: () => void): Promise<FileName> {
  const name = await writeReports(layout, claimed, report);
  reported?.();
  await rename(layout.path('WORK', workName(claimed)), layout.path('BAD', name)).catch(unlessGone);
  return name;
}

/** The two reports alone, and the bad messages of a file of several. @returns the name they are for. */
export async function writeReports(layout: Layout, claimed: Claimed, report: BadReport, parts: readonly BadPart[] = []): Promise<FileName> {
  const name = await reserve(layout, claimed, asJson(claimed, report));
  for (const { ordinal, bytes } of parts) {
    await writeFile(layout.path('BAD', `${name}.message-${ordinal}`), bytes, { mode: 0o660 });
  }
  await writeFile(layout.path('BAD', `${name}.report.txt`), asText(claimed, name, report), { mode: 0o660 });
  return name;
}

/** Writes the JSON report under a name that nobody else has: made whole under another name, then linked, which never replaces. */
async function reserve(layout: Layout, claimed: Claimed, json: string): Promise<FileName> {
  const draft = layout.path('BAD', `.${claimed.rootId}.report`);
  await writeFile(draft, json, { mode: 0o660 });
  try {
    for (const name of [claimed.name, workName(claimed)]) {
      const path = layout.path('BAD', `${name}.report.json`);
      if (await isTaken(layout, claimed, name, path)) continue;
      try {
        await link(draft, path);
      } catch (error) {
        if (hasCode(error, 'EEXIST')) {
          if (await isTaken(layout, claimed, name, path)) continue;
        } else if (hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) {
          await writeFile(path, json, { mode: 0o660 }); // no links on this file system
        } else {
          throw error;
        }
      }
      return name;
    }
    return workName(claimed); // an identity of our own: nobody else has it
  } finally {
    await unlink(draft).catch(unlessGone);
  }
}

async function isTaken(layout: Layout, { rootId }: Claimed, name: FileName, report: Buffer): Promise<boolean> {
  if ((await lstat(layout.path('BAD', name)).catch(unlessGone)) !== undefined) return true;
  const text = await readFile(report, 'utf8').catch(unlessGone);
  return text !== undefined && !text.includes(`"id": "${rootId}"`);
}

function asJson({ rootId, name }: Claimed, report: BadReport): string {
  const { at, code, reason, where, ...others } = report;
  const value = { file: shown(name), id: rootId, at: new Date(at).toISOString(), code, reason, where, advice: advice[code], ...others };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function asText({ rootId, name }: Claimed, badName: FileName, report: BadReport): string {
  const { gateway, at, code, reason, where, acceptedFor, leftOut = [] } = report;
  const taken =
    acceptedFor === undefined ? 'was not taken' : `was accepted for ${people(acceptedFor)}, and not for ${people(leftOut.length)}`;
  return [
    `The file "${shown(name)}" ${taken}.`,
    '',
    `Why:        ${reason}${where === undefined ? '' : ` (${where})`}.`,
    ...leftOut.map((one) => `            ${one.recipient} (${one.field}): ${one.reason}.`),
    `What to do: ${acceptedFor === undefined ? advice[code] : 'Send the mail to those named above again, with addresses that are right.'}`,
    ...(acceptedFor === undefined ? [`The file is beside this report, untouched, as "${shown(badName)}".`] : []),
    '',
    `class ${code}, gateway ${gateway}, ${new Date(at).toISOString()}, id ${rootId}`,
    '',
  ].join('\n');
}

const again = 'then put it into IN again';
const advice: Record<RefusalCode, string> = {
  unrecognised: 'Find out which program writes such files here; this folder takes files of its own dialect only.',
  'incomplete-timeout': `The program that writes the file stopped in the middle: complete it, ${again}.`,
  syntax: `Correct the message, or the program that writes it, ${again}.`,
  envelope: `Give the message a sender and recipients as this folder reads them, ${again}.`,
  'too-large': `Make it smaller, or raise limits.messageBytes or limits.headerBytes in the organization file, ${again}.`,
  'too-many-recipients': `Send it in parts, or raise limits.recipientsPerMessage in the organization file, ${again}.`,
  'nested-too-deep': `Flatten the file: things in things in things are read only so far, ${again}.`,
  'unsupported-type': 'Write a plain file of its own into IN, with a mail in it: not a link, a pipe, a device, or another kind of record.',
  charset: `Correct the character set that the file names, ${again}.`,
  'count-mismatch': `Correct the lengths that the file says, ${again}.`,
  'attachment-missing': `Put the attachment into ATT_IN, ${again}.`,
  'attachment-path': `Name attachments by the names they have in ATT_IN, not by a place on a disk, ${again}.`,
  auth: 'Mail to domains that are not ours is taken only from a gateway with "trust: inside" in the organization file.',
};

function people(count: number): string {
  return count === 1 ? '1 recipient' : `${count} recipients`;
}

function shown(name: FileName): string {
  return oneLine(Buffer.from(name, 'latin1').toString(), 200);
}
