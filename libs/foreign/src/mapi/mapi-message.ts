import type { RejectCode } from '../foreign-file.ts';
import type { Pieces, PropertyBag } from './properties.ts';

/** A message in the terms of MAPI, whatever file it came in. Its bytes are views into that file. */
export interface MapiMessage {
  properties: PropertyBag;
  recipients: PropertyBag[];
  attachments: MapiAttachment[];
  notes: string[]; // what was odd and taken all the same: sentences
  /** It is broken; the rest is what could be read. */
  damage?: { code: RejectCode; reason: string };
}

export interface MapiAttachment {
  properties: PropertyBag;
  data?: Pieces;
  embedded?: MapiMessage;
  /** An OLE object, as a compound file of its own. */
  object?: Pieces;
}

/** Messages in messages, at most so deep. */
export const maxNesting = 5;
