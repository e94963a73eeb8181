// A proof as a table for people: per case what was called, what was undone in which order, how it ended, and whether that is right.

import type { SimulatedCall, Simulation } from '../../local/simulate/index.ts';
import { itemsOf } from '../scenario/step-places.ts';
import { bold, green, red, yellow } from '../text/style.ts';
import { nameOf } from './judge.ts';
import type { Proof, ProvedCase } from './prove.ts';

/** Characters of a column of names before it goes on in the next line. */
const COLUMN = 44;

/** Writes the table. */
export function proofTable({ cases }: Proof, color: boolean): string {
  const rows = cases.map(rowOf);
  const head = ['failure', 'called', 'undone', 'status', ''];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.flatMap((row) => (row.cells[i] ?? []).map((line) => line.length))));
  const line = (cells: string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  const written = rows.map(({ cells, ok, problems }) => {
    const height = Math.max(...cells.map((cell) => cell.length));
    const lines = Array.from({ length: height }, (_, n) => line(cells.map((cell) => cell[n] ?? '')));
    const marked = lines.map((text) => (ok ? text.replace(/ok$/, green('ok', color)) : text.replace(/WRONG$/, red('WRONG', color))));
    return [...marked, ...problems.map((problem) => yellow(`    ${problem}`, color))].join('\n');
  });
  return `${bold(line(head), color)}\n${written.join('\n')}\n`;
}

/** What a case is called. */
export function caseName({ failed }: ProvedCase): string {
  return failed ? `${nameOf(failed)} ${failed.failure}` : 'no failure';
}

/** Names of calls in order, tries of one call together; `×3` where there were three. */
export function calledNames(calls: readonly SimulatedCall[], kind: SimulatedCall['kind']): string[] {
  const counts = new Map<string, { name: string; count: number }>();
  for (const call of calls) {
    if (call.kind !== kind) continue;
    const known = counts.get(call.key);
    if (known) known.count++;
    else counts.set(call.key, { name: nameOf(call), count: 1 });
  }
  return [...counts.values()].map(({ name, count }) => (count > 1 ? `${name} ×${count}` : name));
}

function rowOf(proved: ProvedCase): { cells: string[][]; ok: boolean; problems: string[] } {
  const { simulation, verdict } = proved;
  const cells = [
    [caseName(proved)],
    wrapped(calledNames(simulation.calls, 'do')),
    wrapped(calledNames(simulation.calls, 'undo')),
    [simulation.status, ...unresolvedNames(simulation).map((name) => `unresolved: ${name}`)],
    [verdict.ok ? 'ok' : 'WRONG'],
  ];
  return { cells, ok: verdict.ok, problems: verdict.problems };
}

/** Steps that may have been performed, that nobody undid, and that the record says so of. */
export function unresolvedNames({ steps }: Simulation): string[] {
  const places = steps.filter((step) => step.undoState === 'unresolved');
  return places.map(({ step, at }) => nameOf({ step, items: itemsOf(at) }));
}

function wrapped(names: readonly string[]): string[] {
  if (names.length === 0) return ['-'];
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + name.length + 2 <= COLUMN) lines[lines.length - 1] = `${last}, ${name}`;
    else lines.push(name);
  }
  return lines.map((text, i) => (i < lines.length - 1 ? `${text},` : text));
}
