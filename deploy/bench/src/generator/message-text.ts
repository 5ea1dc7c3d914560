const domain = 'load.example';
export const sender = `sender@${domain}`;

/**
 * Makes the mails of a load: header with the tag and number, then filler, then the dot.
 *
 * @param messageBytes size of header and body; at least 512, so that the header has room.
 */
export function messageText(tag: string, messageBytes: number): (number: number, recipient: string) => string {
  if (messageBytes < 512) throw new RangeError(`a message of ${messageBytes} bytes has no room for its header`);
  const date = new Date().toUTCString().replace('GMT', '+0000');
  const fillers = new Map<number, string>(); // by length: few, as headers differ only by a digit or so
  return (number, recipient) => {
    const head =
      `From: <${sender}>\r\nTo: <${recipient}>\r\nSubject: load ${number}\r\nDate: ${date}\r\n` +
      `Message-ID: <${tag}.${number}@${domain}>\r\n\r\n`;
    const length = messageBytes - head.length;
    let filler = fillers.get(length);
    if (filler === undefined) {
      const line = `${'0123456789abcdef'.repeat(5).slice(0, 76)}\r\n`;
      filler = `${line.repeat(Math.ceil(length / line.length)).slice(0, Math.max(0, length - 2))}\r\n.\r\n`;
      fillers.set(length, filler);
    }
    return head + filler;
  };
}

/** Looks for the tag in a file's header: the number of the mail, `undefined` when it is not of this tag. */
export function numberIn(head: Buffer, tag: string): number | undefined {
  const end = head.indexOf('\r\n\r\n');
  const bareEnd = head.indexOf('\n\n');
  const headerEnd = Math.min(end < 0 ? head.length : end, bareEnd < 0 ? head.length : bareEnd);
  const at = head.indexOf(`<${tag}.`);
  if (at < 0 || at > headerEnd) return undefined;
  const digits = /^(\d{1,9})@/.exec(head.toString('latin1', at + tag.length + 2, at + tag.length + 14))?.[1];
  return digits === undefined ? undefined : Number(digits);
}
