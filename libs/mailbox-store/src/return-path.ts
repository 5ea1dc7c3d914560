/** The reverse-path that a stored form begins with (E1), and where the rest begins: a delivery agent writes that line anew. */
export interface ReturnPath {
  sender: string | null;
  length: number; // of the line in bytes, 0 when the form has none
}

const line = /^Return-Path: ?<([^\r\n]{0,1000})>\r\n/;

export function returnPathOf(head: Buffer): ReturnPath {
  const found = line.exec(head.toString('utf8', 0, 1_200));
  if (found === null) return { sender: null, length: 0 };
  const [whole, path = ''] = found;
  return { sender: path === '' ? null : path, length: Buffer.byteLength(whole) };
}

/** A path that every server can be told: a mailbox with a domain. An X.400 address stands in the message, not in an envelope. */
const sayable = /^(?:"(?:[^"\\]|\\.)*"|[^\s<>"@]+)@[^\s<>"@]+$/;

export function sayableSender(sender: string | null, smtputf8: boolean): string | null {
  if (sender === null || !sayable.test(sender)) return null;
  return smtputf8 || !/\P{ASCII}/u.test(sender) ? sender : null;
}
