import type { Property, PropertyBag } from '../mapi/properties.ts';
import { propertyType, tag } from '../mapi/tags.ts';
import { attribute, type TnefAttribute } from './attributes.ts';

/** Classes as they were called before MAPI (MS-OXTNEF §2.1.3.3.7). */
const oldClasses: ReadonlyMap<string, string> = new Map([
  ['IPM.MICROSOFT MAIL.NOTE', 'IPM.Note'],
  ['IPM.MICROSOFT MAIL.READ RECEIPT', 'REPORT.IPM.Note.IPNRN'],
  ['IPM.MICROSOFT MAIL.NON-DELIVERY', 'REPORT.IPM.Note.NDR'],
  ['IPM.MICROSOFT SCHEDULE.MTGREQ', 'IPM.Schedule.Meeting.Request'],
  ['IPM.MICROSOFT SCHEDULE.MTGCNCL', 'IPM.Schedule.Meeting.Canceled'],
  ['IPM.MICROSOFT SCHEDULE.MTGRESPP', 'IPM.Schedule.Meeting.Resp.Pos'],
  ['IPM.MICROSOFT SCHEDULE.MTGRESPN', 'IPM.Schedule.Meeting.Resp.Neg'],
  ['IPM.MICROSOFT SCHEDULE.MTGRESPA', 'IPM.Schedule.Meeting.Resp.Tent'],
]);

const texts: ReadonlyMap<number, number> = new Map([
  [attribute.subject, tag.subject],
  [attribute.body, tag.body],
]);
const dates: ReadonlyMap<number, number> = new Map([
  [attribute.dateSent, tag.clientSubmitTime],
  [attribute.dateStart, tag.startDate],
  [attribute.dateEnd, tag.endDate],
]);

/** Gives a message what stands in attributes of its own alone; properties that say the same win. */
export function addOldAttributes(bag: PropertyBag, attributes: readonly TnefAttribute[]): void {
  const add = (id: number, property: Property | undefined): void => {
    if (property !== undefined && !bag.byId.has(id)) bag.byId.set(id, property);
  };
  for (const { isOfAttachment, id, data } of attributes) {
    if (isOfAttachment) continue;
    const textId = texts.get(id);
    if (textId !== undefined) add(textId, text(data));
    const dateId = dates.get(id);
    if (dateId !== undefined) add(dateId, date(data));
    if (id === attribute.messageClass) add(tag.messageClass, text(Buffer.from(className(data))));
    // 3 is low, 1 is high.
    if (id === attribute.priority && data.length >= 2) add(tag.importance, number(Math.max(0, Math.min(2, 3 - data.readUInt16LE(0)))));
    if (id === attribute.from) addFrom(data, add);
  }
}

export function text(data: Buffer): Property {
  return { type: propertyType.string8, values: [[data]] };
}

function number(value: number): Property {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return { type: propertyType.int32, values: [[bytes]] };
}

/** Year, month, day, hour, minute, second, each in 16 bits; UTC (§2.1.3.3.2). */
function date(data: Buffer): Property | undefined {
  if (data.length < 12) return undefined;
  const part = (index: number): number => data.readUInt16LE(index * 2);
  const at = Date.UTC(part(0), part(1) - 1, part(2), part(3), part(4), part(5));
  if (Number.isNaN(at) || part(0) < 1970) return undefined;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(at) * 10_000n + 116_444_736_000_000_000n);
  return { type: propertyType.time, values: [[bytes]] };
}

function className(data: Buffer): string {
  const name = data.toString('latin1', 0, 256).split('\0', 1)[0] ?? '';
  return oldClasses.get(name.toUpperCase()) ?? name;
}

/** One person: four numbers, then a name and a typed address (§2.1.3.3.1). */
function addFrom(data: Buffer, add: (id: number, property: Property) => void): void {
  if (data.length < 8) return;
  const nameBytes = data.readUInt16LE(4);
  const address = data.toString('latin1', 8 + nameBytes, 8 + nameBytes + data.readUInt16LE(6)).split('\0', 1)[0] ?? '';
  const [, type = '', value = ''] = /^([^:]{1,16}):(.+)$/s.exec(address) ?? [];
  if (type === '') return;
  add(tag.senderName, text(data.subarray(8, 8 + nameBytes)));
  add(tag.senderAddressType, text(Buffer.from(type, 'latin1')));
  add(tag.senderEmailAddress, text(Buffer.from(value, 'latin1')));
}
