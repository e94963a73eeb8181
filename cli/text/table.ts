/** Rows as columns of equal width, two spaces apart. Colour codes count as nothing. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, visible(cell));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - visible(cell)))
      .join('  ')
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join('');
}

function visible(cell: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colour codes themselves
  return cell.replace(/\u001b\[\d+m/g, '').length;
}
