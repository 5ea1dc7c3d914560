/** Elements of rich text that hold no text to read: pictures, and what a program is to do. */
const silent = new Set([
  'picture',
  'notesbitmap',
  'gif',
  'jpeg',
  'cgm',
  'formula',
  'code',
  'javascript',
  'lotusscript',
  'objectref',
  'imageref',
  'popup',
  'actionhotspot',
]);

const manyParts = 1_000;

/**
 * Turns Notes rich text into plain text while it is read: a line a paragraph, a tab behind a table cell, the address of a link behind its
 * text. Fonts, sections and pictures go.
 */
export function richText() {
  let parts: string[] = [];
  let done = ''; // whole paragraphs before `parts`
  let open = 0;
  let paragraph = 0;
  let quiet = 0;
  const links: string[] = [];

  return {
    open(name: string, attributes: Readonly<Record<string, string>>): void {
      if (silent.has(name)) quiet += 1;
      if (quiet > 0) return;
      if (name === 'par') {
        paragraph = parts.length;
        open += 1;
      } else if (name === 'break') parts.push('\n');
      else if (name === 'urllink') links.push(attributes['href'] ?? '');
      else if (name === 'doclink') parts.push(`[${attributes['description'] ?? attributes['title'] ?? 'a link to a document'}]`);
      else if (name === 'attachmentref') parts.push(`[${attributes['displayname'] ?? attributes['name'] ?? 'an attachment'}]`);
    },
    close(name: string): void {
      if (silent.has(name)) {
        quiet -= 1;
        return;
      }
      if (quiet > 0) return;
      if (name === 'par') {
        const line = parts.splice(paragraph).join('');
        parts.push(`${line.trim()}\n`);
        open -= 1;
        if (open === 0 && parts.length > manyParts) done += parts.splice(0).join('');
      } else if (name === 'tablecell') {
        const last = parts.pop() ?? '';
        parts.push(last.endsWith('\n') ? last.slice(0, -1) : last, '\t');
      }
      if (name === 'tablerow') parts.push('\n');
      else if (name === 'urllink') {
        const link = links.pop() ?? '';
        if (link !== '') parts.push(` <${link}>`);
      }
    },
    text(piece: string): void {
      if (quiet > 0) return;
      const flowing = piece.includes('\n') ? piece.replaceAll(/[ \t]*\r?\n[ \t]*/g, ' ') : piece;
      if (flowing !== ' ' || piece === ' ') parts.push(flowing);
    },
    /** Text of a body that is no rich text. */
    plain(text: string): void {
      parts.push(text, '\n');
    },
    end(): string {
      const text = done + parts.join('');
      parts = [];
      return text;
    },
  };
}
