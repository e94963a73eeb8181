// Runs contestants side by side.
//
//   H1. Contestants take turns within every round, and who begins changes from round to round: what the machine does
//       meanwhile hits all of them alike.
//   H2. Nothing is measured in the warm-up, and the warm-up of a cell is done at the cell's own concurrency.
//   H3. After each turn the mock service's counts must be exactly those of the workflows that ran. A contestant that
//       skipped calls, or repeated them, ends the benchmark.

import { request } from 'undici';
import { type Contestant, SHAPES, type Shape } from './contestant.ts';
import { median, percentile } from './statistics.ts';

export interface HarnessOptions {
  contestants: readonly Contestant[];
  mockUrl: string;
  shapes: readonly Shape[];
  /** Workflows in flight at once, by cell. */
  concurrencies: readonly number[];
  /** Turns that each contestant gets per cell. */
  rounds: number;
  /** ms of one turn. */
  turnMs: number;
  /** ms of warm-up per contestant and cell. */
  warmUpMs: number;
  /** Most workflows in one turn. */
  turnLimit: number;
  /** ms, monotonic. */
  now: () => number;
  onProgress: (line: string) => void;
}

export interface Cell {
  contestant: string;
  shape: Shape;
  concurrency: number;
  /** Workflows that were measured. */
  workflows: number;
  p50Ms: number;
  p95Ms: number;
  /** Median over the rounds. */
  perSecond: number;
  /** Lowest and highest round. */
  perSecondRange: [low: number, high: number];
}

interface Turn {
  latenciesMs: number[];
  perSecond: number;
}

/** Measures every contestant in every cell. The contestants must have been started. Throws when a workflow ends wrongly. */
export async function measure(options: HarnessOptions): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const concurrency of options.concurrencies) {
    for (const shape of options.shapes) {
      const turns = new Map<Contestant, Turn[]>(options.contestants.map((contestant) => [contestant, []]));
      for (const contestant of options.contestants) await checkedTurn(options, contestant, shape, concurrency, options.warmUpMs);
      for (let round = 0; round < options.rounds; round++) {
        for (const contestant of rotate(options.contestants, round)) {
          turns.get(contestant)?.push(await checkedTurn(options, contestant, shape, concurrency, options.turnMs));
        }
      }
      for (const [contestant, taken] of turns) {
        const cell = summarize(contestant.name, shape, concurrency, taken);
        cells.push(cell);
        options.onProgress(describeCell(cell));
      }
    }
  }
  return cells;
}

/** One line for people. */
export function describeCell({
  contestant,
  shape,
  concurrency,
  workflows,
  p50Ms,
  p95Ms,
  perSecond,
  perSecondRange: [low, high],
}: Cell): string {
  const numbers = `p50 ${p50Ms.toFixed(2)} ms  p95 ${p95Ms.toFixed(2)} ms  ${Math.round(perSecond)} wf/s (${Math.round(low)} to ${Math.round(high)})`;
  return `${SHAPES[shape].title}, ${concurrency} at once  ${contestant}: ${numbers}, ${workflows} workflows`;
}

async function checkedTurn(
  { mockUrl, turnLimit, now }: HarnessOptions,
  contestant: Contestant,
  shape: Shape,
  concurrency: number,
  durationMs: number,
): Promise<Turn> {
  const before = await counts(mockUrl);
  const turn = await takeTurn(contestant, shape, concurrency, durationMs, turnLimit, now);
  const after = await counts(mockUrl);
  const { ok, refused } = SHAPES[shape];
  const ran = turn.latenciesMs.length;
  const made = { ok: after.ok - before.ok, refused: after.refused - before.refused };
  if (made.ok !== ran * ok || made.refused !== ran * refused) {
    throw new Error(
      `${contestant.name}, ${shape}: ${ran} workflows made ${made.ok} calls and ${made.refused} refused ones; expected ${ran * ok} and ${ran * refused}`,
    );
  }
  return turn;
}

async function takeTurn(
  contestant: Contestant,
  shape: Shape,
  concurrency: number,
  durationMs: number,
  limit: number,
  now: () => number,
): Promise<Turn> {
  const latenciesMs: number[] = [];
  const start = now();
  const end = start + durationMs;
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < limit && now() < end) {
      begun += 1;
      const began = now();
      await contestant.run(shape);
      latenciesMs.push(now() - began);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { latenciesMs, perSecond: (latenciesMs.length * 1000) / (now() - start) };
}

function summarize(contestant: string, shape: Shape, concurrency: number, turns: readonly Turn[]): Cell {
  const latencies = turns.flatMap((turn) => turn.latenciesMs).sort((a, b) => a - b);
  const rates = turns.map((turn) => turn.perSecond);
  return {
    contestant,
    shape,
    concurrency,
    workflows: latencies.length,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    perSecond: median(rates),
    perSecondRange: [Math.min(...rates), Math.max(...rates)],
  };
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const shift = by % items.length;
  return [...items.slice(shift), ...items.slice(0, shift)];
}

async function counts(mockUrl: string): Promise<{ ok: number; refused: number }> {
  const { body } = await request(`${mockUrl}/counts`);
  const read: unknown = await body.json();
  if (typeof read === 'object' && read !== null && 'ok' in read && 'refused' in read) {
    const { ok, refused } = read;
    if (typeof ok === 'number' && typeof refused === 'number') return { ok, refused };
  }
  throw new Error('the mock service gave no counts');
}
