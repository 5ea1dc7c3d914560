import { Budget } from '../mapi/budget.ts';
import { Fault } from '../mapi/fault.ts';
import { codePageName, usualCodePage } from '../mapi/code-pages.ts';
import { type MapiAttachment, type MapiMessage, maxNesting } from '../mapi/mapi-message.ts';
import { guidText, joined, numberIn, type Property, type PropertyBag, propertyKey } from '../mapi/properties.ts';
import { fixedSize, multiple, propertySet, tag } from '../mapi/tags.ts';
import { readCompoundFile, type Storage } from './compound-file.ts';
import { writeCompoundFile } from './write-compound-file.ts';

/** What the numbers of named properties mean, for the whole file (MS-OXMSG §2.2.3). */
type Names = ReadonlyMap<number, string>;

const propertiesStream = '__properties_version1.0';
const propertiesHeader = { message: 32, embedded: 24, other: 8 } as const;
const firstNamed = 0x8000;
const maxNames = 32_768;
const attachEmbedded = 5;

/**
 * Reads a .msg file (MS-OXMSG).
 *
 * @throws Fault; `unrecognised` for a compound file that is no message.
 */
export function readMsg(file: Buffer, maxRecipients: number): MapiMessage {
  const root = readCompoundFile(file);
  if (!root.streams.has(propertiesStream)) throw new Fault('unrecognised', 'this compound file is no message: it has no properties');
  return messageOf(root, namesIn(root.storages.get('__nameid_version1.0')), {
    depth: 0,
    budget: new Budget(maxRecipients),
    codePage: undefined,
  });
}

interface Place {
  depth: number;
  budget: Budget;
  codePage: string | undefined; // of the message around it
}

function messageOf(storage: Storage, names: Names, place: Place): MapiMessage {
  if (place.depth > maxNesting) throw new Fault('nested-too-deep', `messages in messages are more than ${maxNesting} deep`);
  const headerBytes = place.depth === 0 ? propertiesHeader.message : propertiesHeader.embedded;
  const properties = bagOf(storage, names, headerBytes, place.codePage ?? `cp${usualCodePage}`, place.budget);
  const notes: string[] = [];
  const said = numberIn(properties, tag.messageCodepage) ?? numberIn(properties, tag.internetCodepage);
  const known = said === undefined ? undefined : codePageName(said);
  if (said !== undefined && known === undefined) notes.push(`code page ${said} is not known here`);
  properties.codePage = known ?? properties.codePage;
  const { codePage } = properties;

  const folders = (prefix: string): Storage[] =>
    [...storage.storages.values()]
      .filter(({ name }) => name.toLowerCase().startsWith(prefix))
      .sort((one, other) => (one.name < other.name ? -1 : 1)); // numbered in hexadecimal
  const recipientFolders = folders('__recip_version1.0_#');
  const attachmentFolders = folders('__attach_version1.0_#');
  place.budget.takeRecipients(recipientFolders.length);
  place.budget.take('attachments', attachmentFolders.length);
  const header = joined(storage.streams.get(propertiesStream)?.pieces ?? [], headerBytes);
  for (const [what, at, found] of [
    ['recipients', 16, recipientFolders.length],
    ['attachments', 20, attachmentFolders.length],
  ] as const) {
    const count = header.length < headerBytes ? found : header.readUInt32LE(at);
    if (count !== found) notes.push(`it says it has ${count} ${what}, and has ${found}`);
  }
  return {
    properties,
    recipients: recipientFolders.map((one) => bagOf(one, names, propertiesHeader.other, codePage, place.budget)),
    attachments: attachmentFolders.map((one) => attachmentOf(one, names, { ...place, codePage })),
    notes,
  };
}

function attachmentOf(storage: Storage, names: Names, place: Place & { codePage: string }): MapiAttachment {
  const properties = bagOf(storage, names, propertiesHeader.other, place.codePage, place.budget);
  const object = storage.storages.get('__substg1.0_3701000d');
  if (object !== undefined && numberIn(properties, tag.attachMethod) === attachEmbedded) {
    return { properties, embedded: messageOf(object, names, { ...place, depth: place.depth + 1 }) };
  }
  if (object !== undefined) return { properties, object: writeCompoundFile(toWrite(object)) };
  const data = properties.byId.get(tag.attachData)?.values[0];
  return data === undefined ? { properties } : { properties, data };
}

function toWrite({ name, classId, storages, streams }: Storage): Parameters<typeof writeCompoundFile>[0] {
  return { name, classId, storages: [...storages.values()].map(toWrite), streams: streams.values() };
}

/** The properties of a storage: values of a fixed size in one stream, each of the others in a stream of its own. */
function bagOf(storage: Storage, names: Names, headerBytes: number, codePage: string, budget: Budget): PropertyBag {
  const bag: PropertyBag = { byId: new Map(), byName: new Map(), codePage };
  const add = (id: number, property: Property): void => {
    const name = id >= firstNamed ? names.get(id) : undefined;
    if (name !== undefined) bag.byName.set(name, property);
    else if (!bag.byId.has(id)) bag.byId.set(id, property);
  };
  budget.take('properties', storage.streams.size);
  const fixed = joined(storage.streams.get(propertiesStream)?.pieces ?? []);
  for (let at = headerBytes; at + 16 <= fixed.length; at += 16) {
    budget.take('properties');
    const type = fixed.readUInt16LE(at);
    const size = fixedSize.get(type);
    if (size !== undefined && size <= 8) add(fixed.readUInt16LE(at + 2), { type, values: [[fixed.subarray(at + 8, at + 8 + size)]] });
  }
  for (const [key, { pieces }] of storage.streams) {
    const [, idHex = '', typeHex = '', indexHex] = /^__substg1\.0_([0-9a-f]{4})([0-9a-f]{4})(-[0-9a-f]{8})?$/.exec(key) ?? [];
    if (idHex === '' || indexHex !== undefined) continue;
    const type = Number.parseInt(typeHex, 16);
    const id = Number.parseInt(idHex, 16);
    if ((type & multiple) === 0) add(id, { type, values: [pieces] });
    else add(id, { type: type & ~multiple, values: valuesOf(storage, key) });
  }
  return bag;
}

/** Several texts or binaries: a stream each, numbered. */
function valuesOf(storage: Storage, key: string): Property['values'] {
  const values: Property['values'][number][] = [];
  for (let index = 0; ; index += 1) {
    const found = storage.streams.get(`${key}-${index.toString(16).padStart(8, '0')}`);
    if (found === undefined) return values;
    values.push(found.pieces);
  }
}

function namesIn(storage: Storage | undefined): Names {
  const names = new Map<number, string>();
  const stream = (name: string): Buffer => joined(storage?.streams.get(`__substg1.0_${name}`)?.pieces ?? []);
  const [guids, entries, strings] = [stream('00020102'), stream('00030102'), stream('00040102')];
  const count = Math.min(maxNames, Math.floor(entries.length / 8));
  for (let index = 0; index < count; index += 1) {
    const at = index * 8;
    const kind = entries.readUInt16LE(at + 4);
    const set = setAt(guids, kind >> 1);
    const value = entries.readUInt32LE(at);
    const name = (kind & 1) === 0 ? value : stringAt(strings, value);
    if (set !== undefined && name !== undefined) names.set(firstNamed + entries.readUInt16LE(at + 6), propertyKey(set, name));
  }
  return names;
}

function setAt(guids: Buffer, index: number): string | undefined {
  if (index === 2) return propertySet.publicStrings;
  const at = (index - 3) * 16;
  return index >= 3 && at + 16 <= guids.length ? guidText(guids.subarray(at, at + 16)) : undefined;
}

function stringAt(strings: Buffer, at: number): string | undefined {
  if (at + 4 > strings.length) return undefined;
  const size = Math.min(strings.readUInt32LE(at), 512);
  return strings.toString('utf16le', at + 4, Math.min(at + 4 + size, strings.length));
}
