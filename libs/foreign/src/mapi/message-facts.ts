import { oneLine } from '@mailrail/mail';
import type { MapiMessage } from './mapi-message.ts';
import { isPerson, personIn } from './people.ts';
import { textIn } from './properties.ts';
import { tag } from './tags.ts';

/** In capitals: classes are compared without case. */
export function classOf({ properties }: MapiMessage): string {
  return oneLine(textIn(properties, tag.messageClass) ?? 'IPM.Note', 200).toUpperCase();
}

export function isReport(message: MapiMessage): boolean {
  return classOf(message).startsWith('REPORT.');
}

/** Letters, meetings and reports are carried; of anything else the file itself goes along. */
export function isCarried(message: MapiMessage): boolean {
  const word = classOf(message);
  return word === 'IPM' || /^(?:IPM\.NOTE|IPM\.SCHEDULE\.MEETING|REPORT|IPM\.POST|IPM\.MICROSOFT MAIL)\b/.test(word);
}

/** Who wrote a message, and who sent it, if that was another. */
export function writersOf({ properties }: MapiMessage) {
  const [representing, sender] = [personIn(properties, 'sentRepresenting'), personIn(properties, 'sender')];
  const from = isPerson(representing) ? representing : isPerson(sender) ? sender : undefined;
  const isOther = isPerson(sender) && from !== undefined && sender.address !== from.address;
  return { from, sender: isOther ? sender : undefined, reason: isPerson(sender) ? '' : sender.reason };
}
