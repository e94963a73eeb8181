// Where things stand in the SVG. Sizes are pixels; a shape's own coordinates begin at its top left corner.

import type { BlockNode, GraphNode, StepNode } from './outline.ts';

export const BOX_HEIGHT = 44;
export const GAP = 26;
const LINE_HEIGHT = 14;
const SIDE = 12;
/** Width of a character of the fixed-width font at 12 px. */
const CHARACTER = 7.2;
const MAX_TEXT = 48;

export type Shape =
  | { kind: 'box'; node: StepNode; lines: string[]; width: number; height: number }
  | { kind: 'block'; node: BlockNode; lines: string[]; width: number; height: number; headHeight: number; branches: PlacedBranch[] };

export interface PlacedBranch {
  label: string | null;
  /** Left edge inside the block. */
  x: number;
  width: number;
  column: Column;
}

/** Shapes below each other, centred. */
export interface Column {
  width: number;
  height: number;
  placed: { shape: Shape; x: number; y: number }[];
}

/** Puts nodes below each other. */
export function column(nodes: readonly GraphNode[]): Column {
  const shapes = nodes.map(shapeOf);
  const width = Math.max(0, ...shapes.map((shape) => shape.width));
  let y = 0;
  const placed = shapes.map((shape) => {
    const at = { shape, x: (width - shape.width) / 2, y };
    y += shape.height + GAP;
    return at;
  });
  return { width, height: Math.max(0, y - GAP), placed };
}

/** The size of one node with all that is in it. */
export function shapeOf(node: GraphNode): Shape {
  const lines = [node.id, node.detail, ...(node.when === null ? [] : [`when ${node.when}`])].map(short);
  if (node.kind === 'step') {
    if (node.irreversible) lines.push('irreversible');
    return { kind: 'box', node, lines, width: textWidth(lines), height: textHeight(lines) };
  }
  const headHeight = textHeight(lines);
  let x = SIDE;
  const branches = node.branches.map((branch) => {
    const inner = column(branch.nodes);
    const label = branch.label === null ? null : short(branch.label);
    const width = Math.max(inner.width, label === null ? 0 : label.length * CHARACTER + SIDE, 40);
    const at = { label, x, width, column: inner };
    x += width + GAP;
    return at;
  });
  const width = Math.max(x - GAP + SIDE, textWidth(lines));
  const spread = (width - (x - GAP + SIDE)) / 2;
  for (const branch of branches) branch.x += spread;
  const inside = Math.max(0, ...branches.map((branch) => branch.column.height));
  return { kind: 'block', node, lines, width, headHeight, branches, height: headHeight + GAP + LINE_HEIGHT + inside + GAP };
}

/** Width of a box around some lines. */
export function textWidth(lines: readonly string[]): number {
  return Math.ceil(Math.max(...lines.map((line) => line.length)) * CHARACTER) + 2 * SIDE;
}

/** At most so many characters that a box stays readable. */
export function short(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}

/** y of the first branch's content inside a block. */
export function branchTop(shape: Extract<Shape, { kind: 'block' }>): number {
  return shape.headHeight + GAP + LINE_HEIGHT;
}

function textHeight(lines: readonly string[]): number {
  return Math.max(BOX_HEIGHT, lines.length * LINE_HEIGHT + 16);
}
