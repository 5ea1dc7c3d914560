import { formatDateTime, oneLine } from '@mailrail/mail';
import type { Composition } from '../compose.ts';
import type { MapiMessage } from './mapi-message.ts';
import { bytesIn, flagIn, joined, type PropertyBag, propertyKey, textIn, textOf, timeIn } from './properties.ts';
import { propertySet, tag } from './tags.ts';

const maxInternetHeaders = 100;
const maxNotes = 20;

/** In some stores a subject begins with U+0001 and the length of its prefix. */
export function subjectOf(bag: PropertyBag): string | undefined {
  const subject = textIn(bag, tag.subject);
  return subject?.codePointAt(0) === 1 ? subject.slice(2) : subject;
}

/** Message-ID, In-Reply-To and References, where they have the form of one. */
export function idAndThread(bag: PropertyBag): Pick<Composition, 'messageId' | 'inReplyTo' | 'references'> {
  const messageId = ids(textIn(bag, tag.internetMessageId), 1);
  const inReplyTo = ids(textIn(bag, tag.inReplyTo), 1);
  const references = ids(textIn(bag, tag.internetReferences), 100);
  return {
    ...(messageId === undefined ? {} : { messageId }),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    ...(references === undefined ? {} : { references }),
  };
}

function ids(text: string | undefined, max: number): string | undefined {
  const found = text?.match(/<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>/g)?.slice(-max);
  return found === null || found === undefined ? undefined : found.join(' ');
}

/** What has no field in `Composition`: fields of MIXER (RFC 2156) and of Exchange, `X-Foreign-...`, and what was odd. */
export function keptFields(
  message: MapiMessage,
  messageClass: string,
  links: readonly string[],
  notes: readonly string[],
): Composition['kept'] {
  const { properties } = message;
  const time = (name: string, id: number) => {
    const at = timeIn(properties, id);
    return at === undefined ? [] : [{ name, value: formatDateTime(at) }];
  };
  const index = bytesIn(properties, tag.conversationIndex);
  const topic = textIn(properties, tag.conversationTopic);
  const keywords = textOf(properties, properties.byName.get(propertyKey(propertySet.publicStrings, 'keywords')));
  return [
    ...(index === undefined ? [] : [{ name: 'Thread-Index', value: joined(index, 512).toString('base64') }]),
    ...(topic === undefined ? [] : [{ name: 'Thread-Topic', value: topic }]),
    ...(keywords.length === 0 ? [] : [{ name: 'Keywords', value: keywords.join(', ') }]),
    ...time('Reply-By', tag.replyTime),
    ...time('Expires', tag.expiryTime),
    ...time('Deferred-Delivery', tag.deferredDeliveryTime),
    ...(flagIn(properties, tag.autoForwarded) === true ? [{ name: 'Autoforwarded', value: 'TRUE' }] : []),
    ...(messageClass === 'IPM.NOTE' ? [] : [{ name: 'X-Foreign-Class', value: messageClass }]),
    ...internetHeaders(properties),
    ...links.map((value) => ({ name: 'X-Foreign-Attachment-Link', value })),
    ...notes.slice(0, maxNotes).map((value) => ({ name: 'X-Foreign-Note', value: oneLine(value, 300) })),
  ];
}

/** Fields of their own that messages were given by name (MS-OXCMAIL §2.2.3.2.14): those that begin with `X-` alone. */
function internetHeaders(bag: PropertyBag): Composition['kept'] {
  const prefix = propertyKey(propertySet.internetHeaders, '');
  const kept: { name: string; value: string }[] = [];
  for (const [key, property] of bag.byName) {
    const name = key.startsWith(prefix) ? key.slice(prefix.length) : '';
    if (!/^x-[a-z0-9-]{1,70}$/.test(name) || name.startsWith('x-foreign-') || kept.length >= maxInternetHeaders) continue;
    kept.push(...textOf(bag, property).map((value) => ({ name, value })));
  }
  return kept;
}
