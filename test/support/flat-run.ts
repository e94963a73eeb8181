// A run's envelope as one flat object, for tests that look at many of its parts at once.

import type { Envelope, Run, Step } from '../../shared/contract/index.ts';
import type { Json } from '../../shared/json.ts';

export type FlatStep = Step & { step: string };

export interface FlatRun extends Omit<Run, 'object'> {
  input: Json;
  output: Json;
  error: Envelope['data']['error'];
  undone: Json[];
  left: Json[];
  unresolved: Json[];
  irreversible: Json[];
  steps: FlatStep[];
}

export function flatRun({ data }: Envelope): FlatRun {
  const { object: _, ...run } = data.run;
  const { input, output, error, undo } = data;
  return { ...run, input, output, error, ...undo, steps: data.steps.map((step) => ({ ...step, step: step.step_id })) };
}
