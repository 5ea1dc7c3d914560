import { type FileDialectName, isFileDialect } from '@mailrail/foreign';
import type { Log, Metrics } from '@mailrail/telemetry';
import type { GatewayLine } from '../accept.ts';
import { MessageRefused } from '../eml/refusal.ts';
import { moveToBad, writeReports } from './bad.ts';
import type { EmlMode } from './file-envelope.ts';
import type { Layout } from './layout.ts';
import { type OpenedFile, openPlain } from './open-file.ts';
import { type Taken, type TakeFileOptions, takeFile } from './take-file.ts';
import { takeForeign } from './take-foreign.ts';
import { type Claimed, workName } from './work-name.ts';
import { writeAnswer } from './write-answer.ts';

/** Where a process may be stopped to see that nothing is lost. */
export type Step =
  | 'claimed'
  | 'flushed'
  | 'opened'
  | 'begun'
  | 'written'
  | 'accepted'
  | 'reported'
  | 'held'
  | 'finished'
  | 'bad-reported'
  | 'bad-moved';

/** The two modes of `eml`, or a dialect the translator has to make Internet mail of. */
export type FolderMode = EmlMode | FileDialectName;

export interface WorkOptions extends Omit<TakeFileOptions, 'step' | 'gateway'> {
  gateway: { name: string; mode: FolderMode; trust: 'inside' | 'outside' };
  layout: Layout;
  device: () => number; // of the folders
  /** How long a file that a message names is waited for. Default 600,000. */
  attachmentMs?: number;
  keepDoneMs: number; // 0: accepted files are removed
  log: Log;
  metrics: Pick<Metrics, 'refused' | 'possibleDuplicates'>;
  tell?: GatewayLine['tell'];
  /** Called when a step is behind us; tests stop a process there. */
  step?: ((step: Step, claimed: Claimed) => void) | undefined;
}

/**
 * Works on a claimed file up to the decision: its mail is durable (then the file is still in WORK), or the file is in BAD with
 * its report, or both must be tried again. Every part may be repeated.
 *
 * @param alone runs what touches the file by its path; the renewal of its lease does too, and they must not meet.
 * @returns `gone` when another gateway has finished it.
 * @throws Error of the system.
 */
export async function workFile(
  claimed: Claimed,
  opened: OpenedFile | undefined,
  options: WorkOptions,
  alone: <Result>(touch: () => Promise<Result>) => Promise<Result>,
): Promise<Taken | 'gone'> {
  const { layout, gateway } = options;
  const report = { gateway: gateway.name, dialect: gateway.mode, at: Date.now() };
  const taken = await takeOpened(claimed, opened, options, alone);
  if (taken === 'gone') return taken;
  // Told first: a crash tells it again, never leaves it untold.
  if (taken.kind !== 'wait' && taken.answer !== undefined) await writeAnswer(layout, claimed, taken.answer);
  if (taken.kind === 'bad') {
    const { code, message: reason, where } = taken.refusal;
    const reported = () => options.step?.('bad-reported', claimed);
    await alone(() => moveToBad(layout, claimed, { ...report, code, reason, ...(where === undefined ? {} : { where }) }, reported));
    options.step?.('bad-moved', claimed);
  }
  if (taken.kind === 'accepted') {
    const { leftOut, recipients: acceptedFor, badParts = [] } = taken;
    const [first] = leftOut;
    if (first !== undefined) {
      await writeReports(
        layout,
        claimed,
        {
          ...report,
          code: first.code,
          reason: badParts.length > 0 ? 'some of its messages were left out' : 'some recipients were left out',
          acceptedFor,
          leftOut,
        },
        badParts,
      );
      options.step?.('reported', claimed);
    }
  }
  return taken;
}

async function takeOpened(
  claimed: Claimed,
  opened: OpenedFile | undefined,
  options: WorkOptions,
  alone: <Result>(touch: () => Promise<Result>) => Promise<Result>,
): Promise<Taken | 'gone'> {
  let file = opened;
  try {
    const found = file ?? (await alone(() => openPlain(options.layout.path('WORK', workName(claimed)), options.device())));
    if (found === 'gone') return 'gone';
    file = found;
    options.step?.('opened', claimed);
    const { mode } = options.gateway;
    const common = { ...options, step: (step: 'begun' | 'written' | 'accepted') => options.step?.(step, claimed) };
    return isFileDialect(mode)
      ? await takeForeign(file, claimed, { ...common, gateway: { ...options.gateway, mode } })
      : await takeFile(file, claimed, { ...common, gateway: { ...options.gateway, mode } });
  } catch (error) {
    if (error instanceof MessageRefused) return { kind: 'bad', refusal: error };
    throw error;
  } finally {
    await file?.handle.close();
  }
}
