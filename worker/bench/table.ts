// Tables in Markdown, which are also readable as they are.

export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, at) => Math.max(...[head, ...rows].map((row) => (row[at] ?? '').length), title.length));
  const line = (row: string[]) =>
    `| ${widths.map((width, at) => (at === 0 ? (row[at] ?? '').padEnd(width) : (row[at] ?? '').padStart(width))).join(' | ')} |`;
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
