// The drawing as Mermaid text: happy path downwards, undo path dashed.

import type { BlockNode, GraphNode, Outline, StepNode } from './outline.ts';
import { undoable } from './outline.ts';

/** What a list of nodes leaves open: where the flow goes in, and where it comes out. */
interface Ends {
  first: string;
  last: string[];
}

/** Draws the outline as a Mermaid flowchart. */
export function mermaid({ title, nodes }: Outline): string {
  const lines: string[] = ['---', `title: ${JSON.stringify(title)}`, '---', 'flowchart TD'];
  const names = new Names();
  lines.push('  start([start])', '  done([done])');
  const ends = sequence(nodes, lines, names, '  ');
  lines.push(`  start --> ${ends?.first ?? 'done'}`);
  for (const last of ends?.last ?? []) lines.push(`  ${last} --> done`);
  undoPath(nodes, lines, names);
  return `${lines.join('\n')}\n`;
}

/** Mermaid has reserved words and characters; so nodes are numbered, and ids stand in the labels. */
class Names {
  readonly #known = new Map<string, string>();

  of(id: string): string {
    const known = this.#known.get(id) ?? `n${this.#known.size + 1}`;
    this.#known.set(id, known);
    return known;
  }
}

function sequence(nodes: readonly GraphNode[], lines: string[], names: Names, indent: string): Ends | undefined {
  let ends: Ends | undefined;
  for (const node of nodes) {
    const next = node.kind === 'step' ? box(node, lines, names, indent) : block(node, lines, names, indent);
    for (const last of ends?.last ?? []) lines.push(`${indent}${last} --> ${next.first}`);
    ends = ends ? { first: ends.first, last: next.last } : next;
  }
  return ends;
}

function box(node: StepNode, lines: string[], names: Names, indent: string): Ends {
  const name = names.of(node.id);
  const notes = [node.when === null ? [] : `when ${node.when}`, node.irreversible ? 'irreversible' : []].flat();
  lines.push(
    `${indent}${name}["${[`<b>${escapeLabel(node.id)}</b>`, escapeLabel(node.detail), ...notes.map((note) => `<i>${escapeLabel(note)}</i>`)].join('<br/>')}"]`,
  );
  return { first: name, last: [name] };
}

function block(node: BlockNode, lines: string[], names: Names, indent: string): Ends {
  const name = names.of(node.id);
  const label = [
    `<b>${escapeLabel(node.id)}</b>`,
    escapeLabel(node.detail),
    ...(node.when === null ? [] : [`<i>${escapeLabel(`when ${node.when}`)}</i>`]),
  ].join('<br/>');
  lines.push(`${indent}${name}${node.block === 'switch' ? `{"${label}"}` : `{{"${label}"}}`}`);
  const last: string[] = [];
  lines.push(`${indent}subgraph ${name}_in [" "]`);
  const edges: string[] = [];
  for (const branch of node.branches) {
    const ends = sequence(branch.nodes, lines, names, `${indent}  `);
    if (!ends) continue;
    edges.push(`${indent}${name} -->${branch.label === null ? '' : `|"${escapeLabel(branch.label)}"|`} ${ends.first}`);
    last.push(...ends.last);
  }
  lines.push(`${indent}end`, ...edges);
  // Without an `else` the switch may take no branch at all and go on.
  if (node.block === 'switch' && !node.branches.some(({ label }) => label === 'else')) last.push(name);
  return { first: name, last: last.length > 0 ? last : [name] };
}

/** The chain of undos, last step first, and where a failure of each top-level step enters it. */
function undoPath(nodes: readonly GraphNode[], lines: string[], names: Names): void {
  const all = undoable(nodes);
  lines.push('  failed([failed])');
  if (all.length === 0) return;
  lines.push('  subgraph undo ["undo, last step first"]');
  for (const node of all)
    lines.push(`    ${names.of(node.id)}_undo["<b>undo ${escapeLabel(node.id)}</b><br/>${escapeLabel(node.undo ?? '')}"]`);
  lines.push('  end');
  for (const [position, node] of all.entries()) {
    const before = all[position - 1];
    lines.push(`  ${names.of(node.id)}_undo -.-> ${before ? `${names.of(before.id)}_undo` : 'failed'}`);
  }
  let entry = 'failed';
  for (const node of nodes) {
    const own = undoable([node]).at(-1);
    if (own) entry = `${names.of(own.id)}_undo`;
    lines.push(`  ${names.of(node.id)} -.->|fails| ${entry}`);
  }
  lines.push('  classDef undone stroke-dasharray: 4 3', `  class ${all.map((node) => `${names.of(node.id)}_undo`).join(',')} undone`);
}

/** Text inside a quoted label. Mermaid reads `#name;` as a character. */
function escapeLabel(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  return cut.replace(/[#"<>&`{}[\]|\\]|\p{Cc}/gu, (char) => `#${char.charCodeAt(0)};`);
}
