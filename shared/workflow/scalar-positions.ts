// Where each character of a YAML scalar's value stands in the source, so that a caret can point into quoted, folded and block texts.

/** Lengths of the double-quoted escapes that are longer than two characters. */
const LONG_ESCAPES: { readonly [letter: string]: number } = { x: 4, u: 6, U: 10 };

/**
 * Aligns a scalar's value with its source. Characters that are not white space are exact; white space that folding joined or dropped stands at
 * or near its place.
 *
 * @param source the whole file
 * @param start offset of the scalar's first character (an opening quote, a block's header)
 * @param end offset after its last
 * @param style how it is written
 * @returns offset in the source for each index of the value, and `end` for the index after the last
 */
export function scalarPositions(
  source: string,
  start: number,
  end: number,
  style: 'plain' | 'single' | 'double' | 'block',
  value: string,
): (index: number) => number {
  if (style === 'plain' && end - start === value.length) return (index) => Math.min(start + index, end);
  let table: number[] | null = null;
  return (index) => {
    table ??= align(source, start, end, style, value);
    return table[index] ?? end;
  };
}

function align(source: string, start: number, end: number, style: 'plain' | 'single' | 'double' | 'block', value: string): number[] {
  const table: number[] = [];
  let at = bodyStart(source, start, end, style);
  for (let index = 0; index < value.length; index++) {
    const unit = value[index] ?? '';
    if (!isBlank(unit) || (style === 'double' && source[at] === '\\')) at = skipFolding(source, at, end, style, unit);
    table.push(Math.min(at, end));
    if (style === 'double' && source[at] === '\\') {
      const length = LONG_ESCAPES[source[at + 1] ?? ''] ?? 2;
      // An escape beyond the basic plane gives two units: both stand at the escape.
      if (source[at + 1] === 'U' && isHighSurrogate(unit)) {
        table.push(Math.min(at, end));
        index++;
      }
      at += length;
    } else if (style === 'single' && unit === "'" && source[at] === "'") at += 2;
    else if (source[at] === unit || isBlank(source[at] ?? '')) at++;
  }
  table.push(end);
  return table;
}

/** After the quote, or on the line after a block's header (`|-`, `>2`, perhaps with a comment). */
function bodyStart(source: string, start: number, end: number, style: string): number {
  if (style === 'plain') return start;
  if (style !== 'block') return start + 1;
  const newline = source.indexOf('\n', start);
  return newline === -1 || newline >= end ? end : newline + 1;
}

/** Skips indentation and escaped line ends up to where `unit` stands; stays where it is when nothing fits. */
function skipFolding(source: string, from: number, end: number, style: string, unit: string): number {
  let at = from;
  while (at < end) {
    const here = source[at] ?? '';
    if (here === '\\' && style === 'double') {
      const next = source[at + 1];
      if (next !== '\n' && next !== '\r') return at;
      at += 2;
    } else if (here === unit || !isBlank(here)) return at;
    else at++;
  }
  return from;
}

function isBlank(unit: string): boolean {
  return unit === ' ' || unit === '\n' || unit === '\t' || unit === '\r';
}

function isHighSurrogate(unit: string): boolean {
  return unit >= '\ud800' && unit <= '\udbff';
}
