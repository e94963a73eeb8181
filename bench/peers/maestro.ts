// Maestro as it is embedded: the runtime in this process, workflows compiled from YAML, everything durable in one data folder.

import { join } from 'node:path';
import { createRuntime, type Registration, type Runtime } from '../../local/runtime/index.ts';
import { createCaller, createEnvironment } from '../../shared/calls/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { compile } from '../../shared/compiler/index.ts';
import type { Durability } from '../../shared/store/index.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';
import type { BenchContext, Contestant, ContestantFactory, Shape } from '../contestant.ts';

/** Connections to the mock service: as many as everybody has. */
const POOL = 64;

/** What a small step sends. */
const INPUT = 'input: { order_id: A-1001, amount_cents: 11400, currency: EUR }';

const call = (n: number): string => `{ id: call_${n}, service: mock, method: "POST /call/${n}", ${INPUT} }`;
const undoable = (n: number): string =>
  `{ id: call_${n}, service: mock, method: "POST /call/${n}", ${INPUT}, compensate: { method: "POST /undo/${n}", ${INPUT} } }`;

const STEPS: { [shape in Shape]: string } = {
  sequence: [1, 2, 3, 4, 5].map((n) => `  - ${call(n)}`).join('\n'),
  parallel: `  - id: both\n    parallel:\n${[1, 2, 3, 4].map((n) => `      - ${call(n)}`).join('\n')}\n  - ${call(5)}`,
  saga: `${[1, 2, 3].map((n) => `  - ${undoable(n)}`).join('\n')}\n  - { id: last, service: mock, method: "POST /refuse", ${INPUT} }`,
};

const ENDS: { [shape in Shape]: string } = { sequence: 'completed', parallel: 'completed', saga: 'compensated' };

/** The contestant at a durability. */
export function maestro(durability: Durability): ContestantFactory {
  return ({ mockUrl, folder }: BenchContext): Contestant => {
    let runtime: Runtime | undefined;
    const registrations = new Map<Shape, Registration>();
    return {
      name: durability === 'power' ? 'Maestro' : 'Maestro, no fsync',
      setup: `embedded, ${durability === 'power' ? 'synchronous=FULL, commits grouped per event-loop turn' : 'WAL without fsync per commit'}`,
      async start() {
        const { mkdir } = await import('node:fs/promises');
        const dataFolder = join(folder, `maestro-${durability}`);
        await mkdir(dataFolder, { recursive: true });
        const caller = createCaller({
          environment: createEnvironment({ kind: 'local', variables: {} }),
          egress: { allowPrivate: true },
          clock: systemClock,
        });
        runtime = createRuntime({ dataFolder, durability, caller, holder: { version: 'bench', role: 'execute', urls: {} } });
        for (const shape of Object.keys(STEPS) as Shape[]) registrations.set(shape, registrationOf(shape, mockUrl, STEPS[shape]));
      },
      async run(shape) {
        const registration = registrations.get(shape);
        if (runtime === undefined || registration === undefined) throw new Error('maestro: run before start');
        const { runId } = await runtime.start({ registrations: [registration], workflow: registration.name, input: {} });
        await runtime.ended(runId);
        const { data } = await runtime.get(runId);
        if (data.status !== ENDS[shape]) throw new Error(`maestro: ${shape} ended ${data.status}, expected ${ENDS[shape]}`);
      },
      async close() {
        await runtime?.close();
      },
    };
  };
}

/** A workflow of these steps over the mock service, compiled. */
export function registrationOf(id: string, mockUrl: string, steps: string): Registration {
  const text = `name: ${id}\nversion: "1"\nservices:\n  mock: { type: http, endpoint: "${mockUrl}", pool: ${POOL} }\nsteps:\n${steps}\n`;
  const { workflow, diagnostics } = parseWorkflow(text, { file: `${id}.yaml` });
  if (!workflow) throw new Error(`maestro: ${id} does not parse: ${diagnostics[0]?.message}`);
  const { definition, undoDefinition, needs } = compile(workflow);
  const { name, version, execution, timeoutMs } = workflow;
  return { name, version, execution, timeoutMs, definition, undoDefinition, ...needs };
}
