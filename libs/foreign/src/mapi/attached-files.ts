import { derivedId, oneLine } from '@mailrail/mail';
import { type ComposedFile, pieces } from '../compose.ts';
import { shownName } from '../file-name.ts';
import type { TranslateContext } from '../foreign-file.ts';
import type { MapiAttachment, MapiMessage } from './mapi-message.ts';
import { numberIn, type Pieces, type PropertyBag, textIn } from './properties.ts';
import { tag } from './tags.ts';

/** What became of the attachments. */
export interface AttachedFiles {
  files: ComposedFile[];
  /** Places that attachments only point to. */
  links: string[];
  notes: string[];
}

const attachMethod = { byReference: 2, byReferenceResolve: 3, byReferenceOnly: 4, web: 7 } as const;
const referring: ReadonlySet<number> = new Set(Object.values(attachMethod));

/** Attachments as parts of a message; messages in it are made anew, too, by `composeInner`, when they are written. */
export function attachedFiles(
  attachments: readonly MapiAttachment[],
  context: TranslateContext,
  composeInner: (message: MapiMessage, context: TranslateContext) => AsyncIterable<Buffer>,
): AttachedFiles {
  const found: AttachedFiles = { files: [], links: [], notes: [] };
  for (const [index, attachment] of attachments.entries()) {
    const { properties, embedded, data, object } = attachment;
    const method = numberIn(properties, tag.attachMethod);
    const path = textIn(properties, tag.attachLongPathname) ?? textIn(properties, tag.attachPathname);
    if (data === undefined && object === undefined && embedded === undefined) {
      if (path !== undefined && (method === undefined || referring.has(method))) found.links.push(path);
      else found.notes.push(`attachment ${index + 1} has no content`);
      continue;
    }
    const fallback = `attachment-${index + 1}`;
    const name = nameOf(properties, fallback);
    if (embedded !== undefined) {
      const inner = { ...context, rootId: derivedId(context.rootId, `embedded:${index}`) };
      const subject = textIn(embedded.properties, tag.subject) ?? textIn(properties, tag.displayName);
      const shown = subject === undefined ? name : shownName(subject.replaceAll(/[/\\:]/g, '-'), fallback);
      found.files.push({ name: `${shown.slice(0, 150)}.eml`, type: 'message/rfc822', bytes: () => composeInner(embedded, inner) });
    } else {
      found.files.push({
        name,
        ...typeOf(properties, object !== undefined),
        ...placeOf(properties),
        bytes: inPieces(object ?? data ?? []),
      });
    }
  }
  return found;
}

function nameOf(properties: PropertyBag, fallback: string): string {
  const name = textIn(properties, tag.attachLongFilename) ?? textIn(properties, tag.attachFilename) ?? textIn(properties, tag.displayName);
  return shownName(name ?? '', fallback);
}

function typeOf(properties: PropertyBag, isObject: boolean): { type?: string } {
  if (isObject) return { type: 'application/octet-stream' };
  const type = textIn(properties, tag.attachMimeTag)?.trim().toLowerCase() ?? '';
  // A part that claims a structure of its own, and was not made by us, could make another message of ours.
  const isPlain =
    /^[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}$/.test(type) && !/^(?:multipart|message)\//.test(type);
  return isPlain ? { type } : type === '' ? {} : { type: 'application/octet-stream' };
}

function placeOf(properties: PropertyBag): Pick<ComposedFile, 'cid' | 'location'> {
  const cid = oneLine(textIn(properties, tag.attachContentId) ?? '').replaceAll(/[<>\s]/g, '');
  const location = textIn(properties, tag.attachContentLocation)?.trim() ?? '';
  return { ...(cid === '' ? {} : { cid }), ...(/^[!-~]{1,400}$/.test(location) ? { location } : {}) };
}

function inPieces(bytes: Pieces): () => Generator<Buffer> {
  return function* all() {
    for (const piece of bytes) yield* pieces(piece);
  };
}
