// A step's record, and a failure, as people and programs are shown them. Tokens and payloads never get out.

import type { Step } from '../contract/index.ts';
import { isJsonObject } from '../json.ts';
import { type RunRecord, type RunStatus, type StepRecord, stepStatus } from '../runs/index.ts';

/** What the end of a sub-workflow says of the step that started it. Any other status: it goes on. */
const OF_CHILD: { [status in RunStatus]?: Step['status'] } = {
  completed: 'done',
  failed: 'not_performed',
  cancelled: 'not_performed',
  compensated: 'undone',
  compensation_failed: 'undo_failed',
};

/** @param child the record of the sub-workflow's run, for a `workflow` step */
export function stepView(step: StepRecord, child?: RunRecord): Step {
  const endedAtMs = step.endedAtMs ?? child?.endedAtMs;
  const failure = step.failure ?? (child?.status === 'completed' ? undefined : child?.error);
  return {
    step_id: step.step,
    at: step.at,
    kind: step.kind,
    status: step.state === 'child' ? childStatus(step, child) : stepStatus(step),
    attempts: step.attempt + 1,
    service: step.service ?? null,
    provider: null,
    started_at: iso(step.startedAtMs),
    completed_at: endedAtMs === undefined ? null : iso(endedAtMs),
    duration_ms: endedAtMs === undefined ? null : Math.max(0, endedAtMs - step.startedAtMs),
    error: failure ? failureView(failure) : null,
    undo_error: step.undoFailure ? failureView(step.undoFailure) : null,
    let_go: step.letGo === true,
    reused: step.reused === true,
  };
}

/** The sentence in a step's error message, which is JSON; other text as it stands. */
export function messageText(message: string): string {
  if (!message.startsWith('{')) return message;
  try {
    const parsed: unknown = JSON.parse(message);
    return isJsonObject(parsed) && typeof parsed['message'] === 'string' ? parsed['message'] : message;
  } catch {
    return message;
  }
}

/** ISO 8601 in UTC. @param ms epoch */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function childStatus(step: StepRecord, child: RunRecord | undefined): Step['status'] {
  const told = stepStatus(step);
  return told === 'started' && child ? (OF_CHILD[child.status] ?? 'started') : told;
}

/** The failure's message is JSON of ours; what it says is enough here. */
function failureView({ error, message }: { error: string; message: string }): { error: string; message: string } {
  return { error, message: messageText(message) };
}
