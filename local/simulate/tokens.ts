// Answers to checkpoints and callbacks, as they come from outside: whoever gives them does not die with the process.

import { ITEM_DIGITS } from '../../shared/protocol/place.ts';
import { publicRunId } from '../../shared/protocol/run-id.ts';
import type { CheckpointMessage, StepMessage } from '../../shared/protocol/step-message.ts';
import { asStep, callbackToken, completeCallback, stepKey } from '../../shared/runs/index.ts';
import type { SimulatedProcess } from './process.ts';
import type { TokenReply, TokenRequest } from './types.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface TokenAnswers {
  /** A task token waits for an answer. */
  asked(message: StepMessage | CheckpointMessage, token: string): void;
  /** There is a new process: what is not answered yet is answered to it. */
  restarted(): void;
}

interface Pending {
  atMs: number;
  request: TokenRequest;
  token: string;
  reply: TokenReply;
}

/** @param processNow the process that is alive */
export function createTokenAnswers(
  clock: VirtualClock,
  answer: ((request: TokenRequest) => TokenReply | null) | undefined,
  processNow: () => SimulatedProcess,
): TokenAnswers {
  const waiting = new Map<string, Pending>();

  function arm(pending: Pending): void {
    const process = processNow();
    clock.setTimer(pending.atMs - clock.now(), () => {
      // A killed process takes no answers; the next one gets it.
      if (process !== processNow()) return;
      // An answer that is refused comes too late: the run was cancelled, or its time limit passed. Nobody is there to be told.
      give(process, pending).then(
        () => waiting.delete(pending.token),
        () => clock.touch(),
      );
    });
  }

  return {
    asked(message, token) {
      if (!('at' in message) || waiting.has(token)) return;
      const items = message.at
        .split('.')
        .filter((part) => part.length === ITEM_DIGITS)
        .map(Number);
      const kind = message.op === 'checkpoint' ? 'checkpoint' : 'callback';
      const request: TokenRequest = { kind, step: message.step, place: message.at, items, runId: publicRunId(message.run) };
      const reply = answer?.(request);
      if (!reply) return;
      const pending = { atMs: clock.now() + (reply.takesMs ?? 0), request, token, reply };
      waiting.set(token, pending);
      arm(pending);
    },
    restarted() {
      for (const pending of waiting.values()) arm(pending);
    },
  };
}

async function give({ engine, runs }: SimulatedProcess, { request, token, reply }: Pending): Promise<void> {
  if (request.kind === 'checkpoint') {
    if ('output' in reply) await engine.sendTaskSuccess(token, JSON.stringify(reply.output));
    else await engine.sendTaskFailure(token, { error: reply.error, cause: JSON.stringify({ step: request.step, message: reply.message }) });
    return;
  }
  // The record comes before the token, as for an answer over the API.
  const [body] = await runs.store.read([stepKey(request.runId, request.place)]);
  if (!body) return;
  const urlToken = callbackToken(request.runId, asStep(body));
  const answer =
    'output' in reply ? ({ ok: true, value: reply.output } as const) : ({ ok: false, error: reply.error, message: reply.message } as const);
  const result = await completeCallback(runs, urlToken, answer);
  if (result.ok) await engine.sendTaskSuccess(result.token, JSON.stringify(result.output));
  else await engine.sendTaskFailure(result.token, { error: result.error, cause: result.cause });
}
