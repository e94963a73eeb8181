// The workflows that are in flight when the process is killed, and what must come of each run.

import { type Registration, registrationOf } from '../../local/runtime/index.ts';
import { compile } from '../../shared/compiler/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';

/** Kinds of runs, one after the other. */
export const KINDS = ['sequence', 'parallel', 'saga', 'waiting'] as const;
export type Kind = (typeof KINDS)[number];

/** Connections that the process keeps to the service. */
export const CONNECTIONS = 20;

/** Public id of the n-th run, from 0. */
export function runIdOf(n: number): string {
  return `run_${String(n).padStart(26, '0')}`;
}

export function kindOf(n: number): Kind {
  return KINDS[n % KINDS.length] ?? 'sequence';
}

/** How each kind ends, and which of its steps are undone, in order. */
export const EXPECTED: { [kind in Kind]: { status: string; calls: string[]; undos: string[] } } = {
  sequence: { status: 'completed', calls: ['a', 'b', 'c', 'd', 'e'], undos: [] },
  parallel: { status: 'completed', calls: ['a', 'b', 'c', 'd', 'last'], undos: [] },
  saga: { status: 'compensated', calls: ['a', 'b', 'c', 'refused'], undos: ['c', 'b', 'a'] },
  waiting: { status: 'completed', calls: ['a', 'last'], undos: [] },
};

const STEPS: { [kind in Kind]: JsonObject[] } = {
  sequence: ['a', 'b', 'c', 'd', 'e'].map((id) => call(id, true)),
  parallel: [{ id: 'all', parallel: ['a', 'b', 'c', 'd'].map((id) => call(id, true)) }, call('last', false)],
  saga: [...['a', 'b', 'c'].map((id) => call(id, true)), call('refused', false)],
  waiting: [call('a', true), { id: 'pause', wait: '2s' }, call('last', false)],
};

/** Compiles all kinds against a service. @param url where the service is */
export function registrations(url: string): Registration[] {
  return KINDS.map((name) => {
    const file = {
      name,
      version: '1',
      timeout: '1h',
      services: { mock: { type: 'http', endpoint: url, pool: CONNECTIONS, breaker: false, retry: { attempts: 3 } } },
      steps: STEPS[name],
    };
    const { workflow, diagnostics } = parseWorkflow(JSON.stringify(file), { file: `${name}.yaml` });
    if (!workflow) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
    return registrationOf(workflow, compile(workflow), JSON.stringify(file));
  });
}

function call(id: string, undoable: boolean): JsonObject {
  const undo = undoable ? { compensate: { method: `POST /undo/${id}`, input: { made: `{{ .made_${id}.made }}` } } } : {};
  return { id, service: 'mock', method: `POST /${id}`, input: { n: '{{ .input.n }}' }, output: `made_${id}`, ...undo };
}
