// EventBridge's "Step Functions Execution Status Change" as the recorder takes it.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html: dates are epoch ms; `input` and `output` are JSON text, or null
// with `inputDetails.included: false` where the event would be too large; `error` and `cause` are there since 2023, and null where there is none.

import * as z from 'zod';
import type { ExecutionStatusChange } from './recorder.ts';

export const STATUS_CHANGE = 'Step Functions Execution Status Change';

const included = z.object({ included: z.boolean() }).nullish();

const detailSchema = z.object({
  executionArn: z.string(),
  stateMachineArn: z.string(),
  name: z.string(),
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']),
  startDate: z.number(),
  stopDate: z.number().nullish(),
  input: z.string().nullish(),
  inputDetails: included,
  output: z.string().nullish(),
  outputDetails: included,
  error: z.string().nullish(),
  cause: z.string().nullish(),
});

export type StatusDetail = z.infer<typeof detailSchema>;

/** @throws Error that names what is wrong with the event, and quotes nothing of it */
export function parseStatusDetail(detail: unknown): StatusDetail {
  const parsed = detailSchema.safeParse(detail);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new Error(`${STATUS_CHANGE}: \`detail\` is of another shape than AWS documents (${places})`);
}

/**
 * The change with all that there is to know of it: what the event left out is asked for.
 * @param describe undefined where there is none of that ARN any more
 */
export async function completeChange(
  detail: StatusDetail,
  describe: (executionArn: string) => Promise<ExecutionStatusChange | undefined>,
): Promise<ExecutionStatusChange> {
  const { executionArn, stateMachineArn, name, status, startDate, stopDate, input, output, error, cause } = detail;
  const told: ExecutionStatusChange = {
    ...{ executionArn, stateMachineArn, name, status, startDate },
    stopDate: stopDate ?? null,
    input: input ?? null,
    output: output ?? null,
    error: error ?? null,
    cause: cause ?? null,
  };
  if (!leavesOut(detail)) return told;
  const found = await describe(executionArn);
  // The event's own status: what has happened since is told by an event of its own.
  return found ? { ...found, status, stopDate: told.stopDate ?? found.stopDate } : told;
}

function leavesOut({ status, input, output, inputDetails, outputDetails, error }: StatusDetail): boolean {
  if (inputDetails?.included === false || outputDetails?.included === false || typeof input !== 'string') return true;
  if (status === 'SUCCEEDED') return typeof output !== 'string';
  return status === 'FAILED' && error === undefined;
}
