import { unbundle } from '../bundle.ts';
import { compose, type ComposedFile } from '../compose.ts';
import { type FileDialect, reject } from '../foreign-file.ts';
import { withLineFeeds } from '../line-ends.ts';
import { lastWord } from '../lines.ts';
import { composition, inCharacters, readGwapi } from './gwapi-message.ts';
import { statusFile } from './status-file.ts';

/** Keyword files of the GroupWise API gateway: what stands in its API_OUT is for us, the bodies and attachments in ATT_OUT beside it. */
export const gwapi: FileDialect = {
  name: 'gwapi',
  hasFilesBeside: true,
  recognise(head) {
    const text = head.toString('latin1', 0, 4_096).replaceAll(/^#.*$/gm, '');
    if (/^\s*WPC-API\s*=/i.test(text)) return 3;
    return /^\s*(?:Header-Char|Msg-Type|From|To)\s*=/i.test(text) && /^[ \t]*Msg-Type\s*=/im.test(text) ? 2 : 0;
  },
  isComplete: (_head, tail) => /^(?:.*;)?\s*-END-$/i.test(lastWord(tail)),
  read(file, limits) {
    if (gwapi.recognise(file.subarray(0, 4_096)) === 0) {
      return reject('unrecognised', 'this is no GroupWise API file: it does not begin with WPC-API or a keyword of one', 'line 1');
    }
    const message = readGwapi(file, limits.recipientsPerMessage);
    if (message.kind === 'reject') return message;
    const { from, recipients, unreadable, isStatus, bodyFile, attachments } = message;
    const files = [...(bodyFile === undefined ? [] : [bodyFile]), ...attachments.map((one) => one.file)];
    return {
      kind: 'read',
      // A status is a report: nothing may answer it.
      entries: [{ kind: 'message', sender: isStatus ? null : (from?.address ?? null), recipients, unreadable, bytes: file }],
      notes: message.keywords.notes,
      files: [...new Set(files)],
    };
  },
  answer(file, { code, reason }) {
    const message = readGwapi(file, Number.POSITIVE_INFINITY);
    if (message.kind === 'reject') return answerToUnread(file, code, reason);
    const { from, foreignId, isStatus } = message;
    return isStatus || from === undefined || foreignId === undefined
      ? undefined
      : statusFile({ to: from.address, foreignId, reason, code });
  },
  async translate(bytes, context) {
    const kept = unbundle(bytes);
    if (kept === undefined) return reject('syntax', 'this is no message with its files');
    const message = readGwapi(kept.file, Number.POSITIVE_INFINITY);
    if (message.kind === 'reject') return message;
    const bytesOf = (name: string) => kept.parts.find((part) => part.name === name)?.bytes;
    const body = message.bodyFile === undefined ? Buffer.alloc(0) : bytesOf(message.bodyFile);
    const files = message.attachments.map(({ file, name }): ComposedFile | undefined => {
      const found = bytesOf(file);
      return found === undefined ? undefined : { name, bytes: found };
    });
    const there = files.filter((one) => one !== undefined);
    if (body === undefined || there.length < files.length) return reject('attachment-missing', 'a file it names was not kept with it');
    const text = inCharacters(withLineFeeds(body), message.bodyCharacters);
    return compose({ ...composition(message, context.hostname), text, files: there }, context);
  },
};

/** A file that could not be read whole may still say whom to tell, and of what. */
function answerToUnread(file: Buffer, code: string, reason: string): Buffer | undefined {
  const text = file.toString('latin1', 0, 65_536);
  const isMail = !/Msg-Type\s*=\s*Status/i.test(text);
  const id = /^[ \t]*Msg-Id\s*=\s*([^;\r\n]{1,200});/im.exec(text)?.[1];
  const [, domain, office, user] =
    /^[ \t]*From\s*=\s*WPD=\s*([^;\r\n]{1,64});\s*WPPO=\s*([^;\r\n]{1,64});\s*WPU=\s*([^;\r\n]{1,64});/im.exec(text) ?? [];
  if (!isMail || id === undefined || user === undefined) return undefined;
  return statusFile({ to: `GWISE:${domain?.trim() ?? ''}.${office?.trim() ?? ''}.${user.trim()}`, foreignId: id.trim(), reason, code });
}
