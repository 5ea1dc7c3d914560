/** How a column's cells stand. */
export type Align = 'left' | 'right';

/**
 * A Markdown table whose columns also stand under one another in a terminal.
 *
 * @param rows as many cells each as there are columns; a shorter row is filled with empty cells.
 */
export function markdownTable(columns: readonly { title: string; align?: Align }[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, at) => Math.max(3, title.length, ...rows.map((row) => clean(row[at]).length)));
  const line = (cells: readonly string[]): string =>
    `| ${columns.map(({ align }, at) => pad(clean(cells[at]), widths[at] ?? 0, align)).join(' | ')} |`;
  const rule = columns.map(({ align }, at) => (align === 'right' ? `${'-'.repeat((widths[at] ?? 1) - 1)}:` : '-'.repeat(widths[at] ?? 0)));
  return [line(columns.map(({ title }) => title)), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}

function pad(text: string, width: number, align: Align = 'left'): string {
  return align === 'right' ? text.padStart(width) : text.padEnd(width);
}

/** A bar would begin a new cell. */
function clean(text = ''): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}
