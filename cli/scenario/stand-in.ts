// A workflow that stands in for a mocked `workflow` step: it asks the mock, fails as the mock says, or gives the mock's output. It is a real
// workflow with a real undo, so the step that starts it runs exactly as it will with the true one.

import type { Json, JsonObject } from '../../shared/json.ts';
import { parseWorkflow, type Workflow } from '../../shared/workflow/index.ts';
import type { Answer, Mock } from './mock.ts';

/** The step that asks; its call is what the mock answers. */
export const ASKING_STEP = 'mocked';
/** The step that has something to undo; its undo is what the undo mock answers. */
export const UNDOABLE_STEP = 'mocked_effect';

/**
 * Makes the stand-in of one mocked `workflow` step.
 * @param name of the workflow that it stands in for
 */
export function standIn(name: string, mock: Mock): Workflow {
  const failures = failuresOf(mock);
  const call = { service: 'mock', method: 'POST /' };
  const steps: Json[] = [{ id: ASKING_STEP, ...call, input: '{{ .input }}', output: 'reply' }];
  if (failures.length > 0) {
    steps.push({
      id: 'outcome',
      switch: failures.map(({ error, message }, i) => ({
        when: `{{ .reply.failure == ${i} }}`,
        steps: [{ id: `failure_${i}`, fail: { error, message } }],
      })),
    });
  }
  steps.push({ id: UNDOABLE_STEP, ...call, compensate: { method: 'POST /' } });
  const file: JsonObject = {
    name,
    version: 'mocked',
    timeout: '1h',
    services: { mock: { type: 'http', endpoint: 'http://mock.invalid', breaker: false } },
    steps,
    output: '{{ .reply.output }}',
  };
  const { workflow, diagnostics } = parseWorkflow(JSON.stringify(file), { file: `${name} (mocked)` });
  if (!workflow) throw new Error(`the stand-in of workflow ${name} is not valid: ${diagnostics[0]?.message ?? 'no workflow'}`);
  return workflow;
}

/** What the asking step's call answers for a mock's answer. */
export function standInReply(mock: Mock, answer: Answer): Json {
  if (answer.kind === 'output') return { output: answer.output, failure: null };
  const { error, message } = failureOf(answer);
  return { output: null, failure: failuresOf(mock).findIndex((one) => one.error === error && one.message === message) };
}

interface NamedFailure {
  error: string;
  message: string;
}

function failuresOf(mock: Mock): NamedFailure[] {
  const answers = mock.kind === 'answers' ? mock.answers : mock.items.flat();
  const all = answers.filter((answer) => answer.kind !== 'output').map(failureOf);
  return all.filter((one, i) => all.findIndex((other) => other.error === one.error && other.message === one.message) === i);
}

/** A workflow fails under a name; the forms that a service's call has are understood too. */
function failureOf(answer: Answer): NamedFailure {
  switch (answer.kind) {
    case 'fail':
      return { error: answer.error, message: answer.message };
    case 'reject':
      return { error: 'Maestro.ServiceRejected', message: answer.message };
    case 'unavailable':
      return { error: 'Maestro.ServiceUnavailable', message: 'unavailable' };
    default:
      return { error: 'Maestro.ServiceTimeout', message: 'timed out' };
  }
}
