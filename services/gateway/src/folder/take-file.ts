import { oneLine, timeOfId } from '@mailrail/mail';
import type { OrganizationSource } from '@mailrail/organization';
import type { Acceptor, AcceptRequest, Intake, Refused } from '../accept.ts';
import { headerSplit, type SplitMessage } from '../eml/header-split.ts';
import { lineEnds } from '../eml/line-ends.ts';
import { MessageRefused } from '../eml/refusal.ts';
import type { BadPart, LeftOut } from './bad.ts';
import { type EmlMode, fileEnvelope } from './file-envelope.ts';
import { chunksFrom, isUnchanged, type OpenedFile } from './open-file.ts';
import type { FileName } from './layout.ts';
import type { Claimed } from './work-name.ts';

/** What became of the bytes of a claimed file. `files` in ATT_IN belong to it; `answer` is for the foreign side. */
export type Taken =
  | {
      kind: 'accepted';
      recipients: number;
      sizeBytes: number;
      leftOut: LeftOut[];
      notes: string[];
      badParts?: BadPart[];
      files?: FileName[];
      answer?: Buffer;
    }
  | { kind: 'bad'; refusal: MessageRefused; answer?: Buffer }
  | { kind: 'wait'; reason: string };

/** The reason to wait for a file that is no longer what it was when it was opened. */
export const stillWritten = 'still-written';
/** The reason to wait for a file it names: in HOLD, until something comes to ATT_IN. */
export const partMissing = 'attachment-missing';

export interface TakeFileOptions {
  acceptor: Pick<Acceptor, 'begin'>;
  organization: Pick<OrganizationSource, 'current'>;
  gateway: { name: string; mode: EmlMode; trust: 'inside' | 'outside' };
  /** Called when a step is behind us; tests stop a process there. */
  step?: ((step: 'begun' | 'written' | 'accepted') => void) | undefined;
}

/**
 * Brings a claimed file into the line, byte for byte but for its line ends: CRLF everywhere, whatever system wrote it.
 *
 * `accepted` only when its mail is durable. `bad` when these bytes will never be taken. `wait` when they may be later: a store or
 * broker is away, or somebody still writes; nothing was kept then, or what was kept has the same identity next time.
 */
export async function takeFile(file: OpenedFile, claimed: Claimed, options: TakeFileOptions): Promise<Taken> {
  const { settings } = options.organization.current();
  const lines = lineEnds();
  const split = headerSplit(settings.limits.headerBytes);
  const message = openMessage(claimed, options);
  try {
    if (file.status.size > settings.limits.messageBytes) {
      throw new MessageRefused('too-large', `the file has ${file.status.size} bytes, and ${settings.limits.messageBytes} are allowed`);
    }
    const pass = async (part: Buffer): Promise<void> => {
      if (part.length === 0) return undefined;
      if (message.open) return message.write(part);
      const found = split.push(part);
      if (found !== undefined) await message.begin(found);
    };
    await pass(lines.push(withoutMark(file.head)));
    for await (const chunk of chunksFrom(file, file.head.length)) {
      await pass(lines.push(chunk));
      if (message.refused !== undefined) break;
    }
    if (message.refused === undefined) {
      await pass(lines.end());
      if (!(await isUnchanged(file))) return await message.leave({ kind: 'wait', reason: stillWritten });
      if (!message.open) {
        throw new MessageRefused('incomplete-timeout', 'the file ends inside its header: there is no empty line before a text');
      }
    }
    return await message.finish(lines.repaired);
  } catch (error) {
    await message.leave(undefined);
    if (error instanceof MessageRefused) return { kind: 'bad', refusal: error };
    throw error;
  }
}

/** The message on its way to the acceptor: opened by its header block, then written. */
function openMessage(claimed: Claimed, { acceptor, organization, gateway, step }: TakeFileOptions) {
  const snapshot = organization.current();
  const { settings, hostname } = snapshot;
  const at = timeOfId(claimed.rootId) ?? Date.now();
  const file = oneLine(Buffer.from(claimed.name, 'latin1').toString(), 160);
  let intake: Intake | undefined;
  let refused: Refused | undefined;
  let leftOut: LeftOut[] = [];
  let notes: string[] = [];

  return {
    get open() {
      return intake !== undefined || refused !== undefined;
    },
    get refused() {
      return refused;
    },

    async begin({ header, rest }: SplitMessage): Promise<void> {
      const envelope = fileEnvelope(header, {
        mode: gateway.mode,
        maxRecipients: settings.limits.recipientsPerMessage,
        who: gateway.trust === 'inside' ? 'inside-folder' : 'outside',
        known: (name) => snapshot.domain(name),
        postmaster: settings.postmaster,
        rootId: claimed.rootId,
        hostname,
        at,
      });
      ({ leftOut, notes } = envelope);
      const request: AcceptRequest = {
        sender: envelope.sender,
        recipients: envelope.recipients,
        ...(envelope.envid === undefined ? {} : { envid: envelope.envid }),
        ...(envelope.ret === undefined ? {} : { ret: envelope.ret }),
        smtputf8: true, // a file cannot say otherwise
        origin: {
          gateway: gateway.name,
          dialect: gateway.mode,
          peer: file,
          ...(envelope.helo === undefined ? {} : { helo: envelope.helo }),
          at,
          authenticated: gateway.trust === 'inside', // an X-Sender from outside is anybody's (S4)
          trust: gateway.trust,
        },
        received: { with: gateway.mode, comment: `${gateway.name} folder, file ${file}` },
        client: `folder:${gateway.name}`,
        rootId: claimed.rootId,
        removeFields: envelope.removeFields,
      };
      const begun = acceptor.begin(request);
      step?.('begun');
      if (!begun.ok) {
        refused = begun;
        return;
      }
      intake = begun;
      for (const part of [Buffer.from(envelope.first), header.subarray(envelope.start), rest]) {
        if (part.length > 0) await begun.write(part);
      }
    },

    async write(part: Buffer): Promise<void> {
      const wait = intake?.write(part);
      if (wait !== undefined) await wait;
    },

    async finish(repaired: number): Promise<Taken> {
      step?.('written');
      const result = refused ?? (await intake?.finish());
      if (result === undefined) throw new Error('finish before begin');
      if (!result.ok) return notTaken(result);
      step?.('accepted');
      if (repaired > 0) notes.push('line-ends-repaired');
      return { kind: 'accepted', recipients: result.recipients, sizeBytes: result.sizeBytes, leftOut, notes };
    },

    /** Nothing of it stays. */
    async leave<Result>(result: Result): Promise<Result> {
      await intake?.abort();
      return result;
    },
  };
}

/** What the line did not take: is it the message, or will it be taken later? */
export function notTaken({ cause, reply }: Refused): Taken {
  switch (cause) {
    case 'too-large':
    case 'header-too-large':
      return { kind: 'bad', refusal: new MessageRefused('too-large', reply.text) };
    case 'too-many-hops':
    case 'policy':
      return { kind: 'bad', refusal: new MessageRefused('syntax', reply.text) };
    case 'storage':
    case 'unconfirmed':
    case 'full':
    case 'down':
    case 'in-hand':
    case 'aborted':
      return { kind: 'wait', reason: cause };
  }
}

/** Some editors put a byte order mark before the text; in a message it would be a part of the first field's name. */
function withoutMark(head: Buffer): Buffer {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? head.subarray(3) : head;
}
