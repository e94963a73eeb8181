// The drawing as one SVG without anything from outside: the happy path on the left, going down; the undo path on the right, going up.
// Every top-level step is a row. Where it can be undone its undo stands in the same row, so that a failure goes straight to the right
// and then up; a row without an undo joins the line that goes up.

import { branchTop, type Column, column, GAP, type PlacedBranch, type Shape, short, textWidth } from './layout.ts';
import { type Outline, type StepNode, undoable } from './outline.ts';

const MARGIN = 24;
const TITLE_HEIGHT = 36;
const END_HEIGHT = 30;
const END_WIDTH = 76;
/** Between the two paths. */
const CORRIDOR = 90;
const UNDO_HEIGHT = 38;
const UNDO_GAP = 16;
const LINE_HEIGHT = 14;
/** XML 1.0 forbids control characters even escaped. */
const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu;

const STYLE = [
  'text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1b1f24}',
  '.title{font-weight:600;font-size:14px}.id{font-weight:600}.note{fill:#57606a}.label{fill:#57606a;font-size:11px}',
  '.step{fill:#fff;stroke:#57606a}.block{fill:#f6f8fa;stroke:#8c959f}.end{fill:#ddf4ff;stroke:#0969da}',
  '.failed{fill:#ffebe9;stroke:#cf222e}.undo{fill:#fff8c5;stroke:#9a6700;stroke-dasharray:4 3}',
  '.flow{stroke:#57606a;fill:none}.back{stroke:#cf222e;fill:none;stroke-dasharray:4 3}.page{fill:#fff}',
  '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note,.label{fill:#9198a1}.page{fill:#0d1117}.step{fill:#161b22;stroke:#9198a1}',
  '.block{fill:#10151c;stroke:#6e7681}.end{fill:#0c2d4a;stroke:#4493f8}.failed{fill:#3d1518;stroke:#f85149}.undo{fill:#2e2408;stroke:#d29922}',
  '.flow{stroke:#9198a1}.back{stroke:#f85149}}',
].join('');

interface Row {
  y: number;
  height: number;
  undos: StepNode[];
}

/** Draws the outline. */
export function svg({ title, nodes }: Outline): string {
  const columns = nodes.map((node) => column([node]));
  const undos = undoable(nodes);
  const mainWidth = Math.max(END_WIDTH, ...columns.map(({ width }) => width));
  const undoWidth = Math.max(END_WIDTH, ...undos.map((node) => textWidth(undoLines(node))));
  const center = MARGIN + mainWidth / 2;
  const undoLeft = MARGIN + mainWidth + CORRIDOR;
  const parts: string[] = [];
  let y = MARGIN + TITLE_HEIGHT;
  parts.push(terminal(center, y, 'start', 'end'));
  const rows: Row[] = [];
  let bottom = y + END_HEIGHT;
  y = bottom + GAP;
  for (const [index, drawn] of columns.entries()) {
    const node = nodes[index];
    const own = node ? undoable([node]) : [];
    const height = Math.max(drawn.height, own.length * (UNDO_HEIGHT + UNDO_GAP) - UNDO_GAP);
    const top = y + (height - drawn.height) / 2;
    parts.push(arrow(center, bottom, center, top), drawColumn(drawn, center - drawn.width / 2, top));
    rows.push({ y, height, undos: own });
    bottom = top + drawn.height;
    y += height + GAP;
  }
  const end = Math.max(y, bottom + GAP);
  parts.push(arrow(center, bottom, center, end), terminal(center, end, 'done', 'end'));
  if (undos.length > 0) parts.push(drawUndos(rows, columns, center, undoLeft, undoWidth));
  const width = undos.length > 0 ? undoLeft + undoWidth + MARGIN : mainWidth + 2 * MARGIN;
  return page(Math.max(width, textWidth([title]) + 2 * MARGIN), end + END_HEIGHT + MARGIN, title, parts);
}

function page(width: number, height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escapeXml(title)}" viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}">`,
    `<style>${STYLE}</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>',
    `<rect class="page" width="100%" height="100%"/>`,
    `<text class="title" x="${MARGIN}" y="${MARGIN + 10}">${escapeXml(title)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function drawColumn({ placed }: Column, left: number, top: number): string {
  const parts: string[] = [];
  let before: { x: number; bottom: number } | undefined;
  for (const { shape, x, y } of placed) {
    const center = left + x + shape.width / 2;
    if (before) parts.push(arrow(before.x, before.bottom, center, top + y));
    parts.push(drawShape(shape, left + x, top + y));
    before = { x: center, bottom: top + y + shape.height };
  }
  return parts.join('\n');
}

function drawShape(shape: Shape, x: number, y: number): string {
  const rect = `<rect class="${shape.kind === 'box' ? 'step' : 'block'}" x="${round(x)}" y="${round(y)}" width="${round(shape.width)}" height="${round(shape.height)}" rx="6"/>`;
  const texts = lineTexts(shape.lines, x + shape.width / 2, y + 18);
  if (shape.kind === 'box') return [rect, texts].join('\n');
  const parts = [rect, texts];
  const top = y + branchTop(shape);
  const bottom = y + shape.height;
  const center = x + shape.width / 2;
  for (const branch of shape.branches) parts.push(drawBranch(branch, x, center, y + shape.headHeight, top, bottom));
  return parts.join('\n');
}

function drawBranch(branch: PlacedBranch, blockX: number, from: number, headBottom: number, top: number, bottom: number): string {
  const left = blockX + branch.x + (branch.width - branch.column.width) / 2;
  const center = blockX + branch.x + branch.width / 2;
  const parts = [
    arrow(from, headBottom - 4, center, top),
    drawColumn(branch.column, left, top),
    line(center, top + branch.column.height, center, bottom),
  ];
  if (branch.label !== null)
    parts.push(`<text class="label" text-anchor="middle" x="${round(center)}" y="${round(top - 8)}">${escapeXml(branch.label)}</text>`);
  return parts.join('\n');
}

function drawUndos(rows: readonly Row[], columns: readonly Column[], center: number, left: number, width: number): string {
  const parts: string[] = [];
  const spine = left + width / 2;
  // From the top: the end of the chain, then undos in file order; the arrows go up.
  const failedTop = MARGIN + TITLE_HEIGHT;
  parts.push(terminal(spine, failedTop, 'failed', 'failed'));
  let above = failedTop + END_HEIGHT;
  for (const [index, row] of rows.entries()) {
    const from = center + (columns[index]?.width ?? 0) / 2;
    const middle = row.y + row.height / 2;
    if (row.undos.length === 0) {
      parts.push(`<path class="back" d="M${round(from)} ${round(middle)}H${round(spine)}V${round(above)}" marker-end="url(#head)"/>`);
      continue;
    }
    let y = row.y + (row.height - (row.undos.length * (UNDO_HEIGHT + UNDO_GAP) - UNDO_GAP)) / 2;
    for (const node of row.undos) {
      parts.push(arrow(spine, y, spine, above, 'back'), undoBox(node, left, y, width));
      above = y + UNDO_HEIGHT;
      y += UNDO_HEIGHT + UNDO_GAP;
    }
    const enter = above - UNDO_HEIGHT / 2;
    parts.push(
      `<path class="back" d="M${round(from)} ${round(middle)}H${round(left - CORRIDOR / 2)}V${round(enter)}H${round(left)}" marker-end="url(#head)"/>`,
    );
  }
  return parts.join('\n');
}

function undoBox(node: StepNode, x: number, y: number, width: number): string {
  const rect = `<rect class="undo" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${UNDO_HEIGHT}" rx="6"/>`;
  return [rect, lineTexts(undoLines(node), x + width / 2, y + 15)].join('\n');
}

function undoLines(node: StepNode): string[] {
  return [`undo ${node.id}`, node.undo ?? ''].map(short);
}

function terminal(center: number, y: number, text: string, style: string): string {
  const rect = `<rect class="${style}" x="${round(center - END_WIDTH / 2)}" y="${round(y)}" width="${END_WIDTH}" height="${END_HEIGHT}" rx="15"/>`;
  return [rect, lineTexts([text], center, y + 19)].join('\n');
}

function lineTexts(lines: readonly string[], center: number, firstY: number): string {
  return lines
    .map(
      (text, row) =>
        `<text class="${row === 0 ? 'id' : 'note'}" text-anchor="middle" x="${round(center)}" y="${round(firstY + row * LINE_HEIGHT)}">${escapeXml(text)}</text>`,
    )
    .join('\n');
}

function arrow(x1: number, y1: number, x2: number, y2: number, style = 'flow'): string {
  return `<path class="${style}" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}" marker-end="url(#head)"/>`;
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<path class="flow" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Text and attribute values; characters that XML does not allow are left out. */
function escapeXml(text: string): string {
  const allowed = text.replace(FORBIDDEN, '').toWellFormed().replaceAll('\ufffd', '');
  return allowed.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
