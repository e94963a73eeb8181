// Compile time and size: the six examples, and sagas that double, to show the growth. `node bench/compile.ts`

import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { compile } from '../shared/compiler/index.ts';
import { parseWorkflow, type Workflow } from '../shared/workflow/index.ts';
import { median } from './statistics.ts';

const ROOT = path.join(import.meta.dirname, '..');
const SAGA_STEPS = [10, 100, 250, 500];
const ROUNDS = 15;

/** A saga of calls that hand a value on, each with an undo that needs its own step's answer. */
export function sagaText(steps: number): string {
  const step = (i: number): string => `
  - id: step_${i}
    service: shop
    method: "POST /do/${i}"
    input: { order: "{{ .input.order }}", before: ${i === 0 ? 'null' : `"{{ .out_${i - 1}.id }}"`} }
    output: out_${i}
    compensate: { method: "POST /undo/${i}", input: { id: "{{ .out_${i}.id }}" } }`;
  const head = 'name: saga\nversion: "1"\nservices:\n  shop: { type: http, endpoint: "http://127.0.0.1:4710" }\nsteps:';
  return head + Array.from({ length: steps }, (_, i) => step(i)).join('');
}

function parsed(text: string, file: string): Workflow {
  const { workflow, diagnostics } = parseWorkflow(text, { file });
  if (!workflow) throw new Error(`${file}: ${diagnostics[0]?.message}`);
  return workflow;
}

function medianMs(work: () => unknown): number {
  for (let i = 0; i < 5; i++) work();
  return median(
    Array.from({ length: ROUNDS }, () => {
      const started = performance.now();
      work();
      return performance.now() - started;
    }),
  );
}

console.log('file                                     parse ms  compile ms   states    bytes  transitions');
const row = (name: string, text: string): { ms: number; bytes: number } => {
  const workflow = parsed(text, name);
  const ms = medianMs(() => compile(workflow));
  const parseMs = medianMs(() => parsed(text, name));
  const { stats } = compile(workflow);
  const { min, max } = stats.transitions;
  console.log(
    `${name.padEnd(40)} ${parseMs.toFixed(2).padStart(8)} ${ms.toFixed(2).padStart(11)} ${String(stats.states).padStart(8)} ` +
      `${String(stats.bytes).padStart(8)}  ${min}${max === min ? '' : `–${max ?? 'by the list'}`}`,
  );
  return { ms, bytes: stats.bytes };
};
for (const file of globSync('examples/*/workflow.yaml', { cwd: ROOT }).sort()) row(file, readFileSync(path.join(ROOT, file), 'utf8'));
const sagas = SAGA_STEPS.map((steps) => row(`saga of ${steps} steps`, sagaText(steps)));
const [, , half, whole] = sagas;
if (half && whole) {
  console.log(`from 250 to 500 steps: bytes × ${(whole.bytes / half.bytes).toFixed(2)}, time × ${(whole.ms / half.ms).toFixed(2)}`);
}
