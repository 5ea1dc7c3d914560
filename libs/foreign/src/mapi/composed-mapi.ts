import { composed, type ComposedFile, type Composition } from '../compose.ts';
import type { TranslateContext } from '../foreign-file.ts';
import { attachedFiles } from './attached-files.ts';
import { bodiesOf } from './body.ts';
import { calendarOf } from './calendar.ts';
import { idAndThread, keptFields, subjectOf } from './header-fields.ts';
import type { MapiMessage } from './mapi-message.ts';
import { classOf, isReport, writersOf } from './message-facts.ts';
import { peopleOf } from './people.ts';
import { flagIn, numberIn, textIn, timeIn } from './properties.ts';
import { reportOf } from './report.ts';
import { tag } from './tags.ts';
import { withTransportHeader } from './transport-header.ts';

const importances = ['low', 'normal', 'high'] as const;
const sensitivities = [undefined, 'Personal', 'Private', 'Company-Confidential'] as const;

export interface ComposeOptions {
  /** Its file, to go along where it holds more than a letter. */
  whole?: ComposedFile;
  /** It goes into another message. */
  isInner?: boolean;
}

/** An Internet message of one in the terms of MAPI, piece by piece. */
export function composedMapi(
  message: MapiMessage,
  context: TranslateContext,
  { whole, isInner = false }: ComposeOptions = {},
): AsyncGenerator<Buffer> {
  const header = transportHeader(message);
  const made = composed(compositionOf(message, context, whole), context, isInner);
  return header === undefined ? made : withTransportHeader(header, made);
}

export function transportHeader({ properties }: MapiMessage): string | undefined {
  const header = textIn(properties, tag.transportMessageHeaders);
  return header === undefined || !/^[!-9;-~]+:/m.test(header) ? undefined : header;
}

function compositionOf(message: MapiMessage, context: TranslateContext, whole: ComposedFile | undefined): Composition {
  const { properties, attachments } = message;
  const { from, sender } = writersOf(message);
  const { to, cc } = peopleOf(message);
  const bodies = bodiesOf(properties);
  const attached = attachedFiles(attachments, context, (inner, its) => composedMapi(inner, its, { isInner: true }));
  const subject = subjectOf(properties);
  const date = timeIn(properties, tag.clientSubmitTime) ?? timeIn(properties, tag.messageDeliveryTime);
  const sensitivity = sensitivities[numberIn(properties, tag.sensitivity) ?? 0];
  const receiptTo = flagIn(properties, tag.readReceiptRequested) === true ? (sender ?? from) : undefined;
  const calendar = calendarOf(message, context);
  const report = isReport(message) ? reportOf(message, context, bodies.text) : undefined;
  const damage = message.damage === undefined ? [] : [`damaged: ${message.damage.reason}`];
  const notes = [...damage, ...message.notes, ...bodies.notes, ...attached.notes, ...(calendar?.notes ?? [])];
  // A report without a sender comes from the system, and mail must come from somebody.
  const writer = from ?? (report === undefined ? undefined : { address: `SMTP:postmaster@${context.hostname}` });
  return {
    ...(writer === undefined ? {} : { from: writer }),
    ...(sender === undefined ? {} : { sender }),
    to,
    cc,
    ...(subject === undefined ? {} : { subject }),
    ...(date === undefined ? {} : { date }),
    ...idAndThread(properties),
    ...importanceOf(message),
    ...(sensitivity === undefined ? {} : { sensitivity }),
    ...(receiptTo === undefined ? {} : { receiptTo }),
    isAutomatic: report !== undefined,
    kept: keptFields(message, classOf(message), attached.links, notes),
    text: report?.text ?? bodies.text,
    ...(bodies.html === undefined || report !== undefined ? {} : { html: bodies.html }),
    ...(calendar === undefined ? {} : { calendar }),
    ...(report === undefined ? {} : { reportType: report.type }),
    files: [...(report === undefined ? [] : [report.status]), ...bodies.files, ...attached.files, ...(whole === undefined ? [] : [whole])],
  };
}

function importanceOf({ properties }: MapiMessage): Pick<Composition, 'importance' | 'priority'> {
  const importance = importances[numberIn(properties, tag.importance) ?? -1];
  const priority = numberIn(properties, tag.priority) ?? 0;
  return {
    ...(importance === undefined || importance === 'normal' ? {} : { importance }),
    ...(priority > 0 ? { priority: 'urgent' as const } : priority < 0 ? { priority: 'non-urgent' as const } : {}),
  };
}
