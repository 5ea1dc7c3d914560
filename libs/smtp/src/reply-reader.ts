import type { RemoteReply } from './client-types.ts';

export const maxReplyBytes = 65_536;
export const maxReplyLines = 100;

/**
 * Cuts a server's bytes into replies, RFC 5321 §4.2.1. A lone LF ends a line here, too: old servers send it, and a reply is never
 * handed on as bytes.
 */
export class ReplyReader {
  #rest = '';
  #lines: string[] = [];
  #code = 0;
  #bytes = 0;

  /** Bytes that belong to no complete reply yet. */
  get pending(): boolean {
    return this.#rest !== '' || this.#lines.length > 0;
  }

  /**
   * @returns the replies that are complete now.
   * @throws ReplyError when what came is no reply, or one that is too long.
   */
  push(chunk: Buffer): RemoteReply[] {
    const replies: RemoteReply[] = [];
    const text = this.#rest + chunk.toString('latin1');
    let at = 0;
    for (let end = text.indexOf('\n', at); end >= 0; end = text.indexOf('\n', at)) {
      const reply = this.#line(text.slice(at, end).replace(/\r$/, ''));
      if (reply !== undefined) replies.push(reply);
      at = end + 1;
    }
    this.#rest = text.slice(at);
    if (this.#bytes + this.#rest.length > maxReplyBytes) throw new ReplyError('the reply is larger than 64 KB');
    return replies;
  }

  #line(line: string): RemoteReply | undefined {
    const found = /^([2-5]\d\d)(?:([ -])(.*))?$/.exec(line);
    if (found === null) throw new ReplyError('the server did not send an SMTP reply');
    const code = Number(found[1]);
    if (this.#lines.length > 0 && code !== this.#code) throw new ReplyError('a reply of several lines changed its code');
    this.#code = code;
    this.#lines.push(found[3] ?? '');
    this.#bytes += line.length;
    if (this.#lines.length > maxReplyLines) throw new ReplyError('the reply has more than 100 lines');
    if (this.#bytes > maxReplyBytes) throw new ReplyError('the reply is larger than 64 KB');
    if (found[2] === '-') return undefined;
    const reply = toReply(code, this.#lines);
    this.#lines = [];
    this.#bytes = 0;
    return reply;
  }
}

export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

function toReply(code: number, lines: readonly string[]): RemoteReply {
  let enhanced: string | undefined;
  const text = lines
    .map((line) => {
      const found = /^([245])\.(\d{1,3})\.(\d{1,3})(?: +|$)/.exec(line);
      if (found === null || found[1] !== String(code)[0]) return line;
      enhanced ??= found[0].trim();
      return line.slice(found[0].length);
    })
    .join('\n');
  // Bytes beyond ASCII are UTF-8 if they can be (RFC 6531 §3.7.4.2); else they stay as Latin-1 read them.
  const decoded = /[^\p{ASCII}]/u.test(text) ? utf8(text) : text;
  return enhanced === undefined ? { code, text: decoded } : { code, enhanced, text: decoded };
}

function utf8(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? latin1 : text;
}
