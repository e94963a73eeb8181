import { printable } from '../../shared/printable.ts';

/** What `style.ts` puts around text, and nothing else that a terminal would act on. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the colour codes themselves
const COLOURS = /(\u001b\[(?:1|2|22|3[1-9])m)/;

/** Rows as columns of equal width, two spaces apart. Colour codes count as nothing; what else a cell says to the terminal is not said. */
export function table(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(plain));
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
  return cell
    .split(COLOURS)
    .filter((_part, index) => index % 2 === 0)
    .join('').length;
}

function plain(cell: string): string {
  return cell
    .split(COLOURS)
    .map((part, index) => (index % 2 === 0 ? printable(part) : part))
    .join('');
}
