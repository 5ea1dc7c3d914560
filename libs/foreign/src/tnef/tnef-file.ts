import { Budget } from '../mapi/budget.ts';
import { codePageName, usualCodePage } from '../mapi/code-pages.ts';
import { Fault } from '../mapi/fault.ts';
import { type MapiAttachment, type MapiMessage, maxNesting } from '../mapi/mapi-message.ts';
import { bytesIn, flagIn, guidText, numberIn, type Pieces, type PropertyBag } from '../mapi/properties.ts';
import { tag } from '../mapi/tags.ts';
import { attribute, readAttributes, type TnefAttribute } from './attributes.ts';
import { addOldAttributes, text } from './old-attributes.ts';
import { TnefProperties } from './tnef-properties.ts';

/** What the object of an attachment is, by the interface it is given in (MS-OXTNEF §2.1.3.3.15). */
const interfaceId = {
  message: '00020307-0000-0000-c000-000000000046',
  storage: '0000000b-0000-0000-c000-000000000046',
} as const;
const interfaceBytes = 16;

/**
 * Reads a message in TNEF. Of a damaged stream it is what could be read, and `damage` says so.
 *
 * @throws Fault for what is none, or has too much of something.
 */
export function readTnef(bytes: Buffer, maxRecipients: number): MapiMessage {
  return messageOf(bytes, new Budget(maxRecipients), 0);
}

function messageOf(bytes: Buffer, budget: Budget, depth: number): MapiMessage {
  if (depth > maxNesting) throw new Fault('nested-too-deep', `messages in messages are more than ${maxNesting} deep`);
  const { attributes, damage } = readAttributes(bytes, budget, depth > 0);
  const oem = oemCodePage(attributes);
  const known = oem === undefined ? undefined : codePageName(oem);
  const codePage = known ?? `cp${usualCodePage}`;
  const message: MapiMessage = {
    properties: { byId: new Map(), byName: new Map(), codePage },
    recipients: [],
    attachments: [],
    notes: oem !== undefined && known === undefined ? [`code page ${oem} is not known here`] : [],
    ...(damage === undefined ? {} : { damage }),
  };
  /** A part that cannot be read spoils itself alone. */
  const attempt = (read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof Fault) || !spoilsItselfAlone.has(error.reject.code)) throw error;
      message.damage ??= { code: error.reject.code, reason: error.reject.reason };
    }
  };
  const parts: TnefAttribute[][] = [];
  for (const one of attributes) {
    if (one.isOfAttachment) {
      if (one.id === attribute.attachRenderData || parts.length === 0) parts.push([]);
      parts.at(-1)?.push(one);
    } else if (one.id === attribute.messageProperties) {
      attempt(() => {
        message.properties = new TnefProperties(one.data, codePage, budget).bag();
      });
    } else if (one.id === attribute.recipientTable) {
      attempt(() => message.recipients.push(...recipientsIn(one.data, codePage, budget)));
    }
  }
  budget.take('attachments', parts.length);
  // The properties' own word counts where the stream has none.
  const own = oem === undefined ? numberIn(message.properties, tag.messageCodepage) : undefined;
  message.properties.codePage = (own === undefined ? undefined : codePageName(own)) ?? codePage;
  addOldAttributes(message.properties, attributes);
  for (const part of parts) attempt(() => message.attachments.push(attachmentOf(part, codePage, budget, depth)));
  if (flagIn(message.properties, tag.hasAttachments) === true && parts.length === 0) {
    message.damage ??= { code: 'incomplete-timeout', reason: 'it says it has attachments, and there are none' };
  }
  return message;
}

const spoilsItselfAlone: ReadonlySet<string> = new Set(['count-mismatch', 'syntax', 'unrecognised', 'incomplete-timeout']);

function oemCodePage(attributes: readonly TnefAttribute[]): number | undefined {
  const data = attributes.find(({ id, isOfAttachment }) => id === attribute.oemCodePage && !isOfAttachment)?.data;
  return data !== undefined && data.length >= 4 ? data.readUInt32LE(0) : undefined;
}

function recipientsIn(data: Buffer, codePage: string, budget: Budget): PropertyBag[] {
  const table = new TnefProperties(data, codePage, budget);
  const count = table.count(data.length / 4, 'recipients'); // a row has its own count at least
  budget.takeRecipients(count);
  return Array.from({ length: count }, () => table.bag());
}

function attachmentOf(attributes: readonly TnefAttribute[], codePage: string, budget: Budget, depth: number): MapiAttachment {
  const find = (id: number): Buffer | undefined => attributes.find((one) => one.id === id)?.data;
  const written = find(attribute.attachment);
  const properties: PropertyBag =
    written === undefined ? { byId: new Map(), byName: new Map(), codePage } : new TnefProperties(written, codePage, budget).bag();
  const title = find(attribute.attachTitle) ?? find(attribute.attachTransportFilename);
  if (title !== undefined && !properties.byId.has(tag.attachFilename)) properties.byId.set(tag.attachFilename, text(title));

  const object = bytesIn(properties, tag.attachData);
  const data = find(attribute.attachData);
  const [first] = object ?? [];
  if (first === undefined || first.length < interfaceBytes) return data === undefined ? { properties } : { properties, data: [data] };
  const kind = guidText(first.subarray(0, interfaceBytes));
  const content = first.subarray(interfaceBytes);
  if (kind === interfaceId.message) return { properties, embedded: messageOf(content, budget, depth + 1) };
  const rest: Pieces = [content];
  return kind === interfaceId.storage ? { properties, object: rest } : { properties, data: data === undefined ? rest : [data] };
}
