// Answers to checkpoints and callbacks, as they would come from outside.

import { ITEM_DIGITS } from '../../shared/protocol/place.ts';
import { publicRunId } from '../../shared/protocol/run-id.ts';
import type { CheckpointMessage, StepMessage } from '../../shared/protocol/step-message.ts';
import type { SimulatedProcess } from './process.ts';
import type { TokenReply, TokenRequest } from './types.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface TokenOptions {
  clock: VirtualClock;
  process: SimulatedProcess;
  message: StepMessage | CheckpointMessage;
  token: string;
  answer: ((request: TokenRequest) => TokenReply | null) | undefined;
  alive: () => boolean;
}

/** Asks for the answer to a task token and gives it after its time. */
export function answerToken({ clock, process, message, token, answer, alive }: TokenOptions): void {
  if (!('at' in message) || !answer) return;
  const items = message.at
    .split('.')
    .filter((part) => part.length === ITEM_DIGITS)
    .map(Number);
  const kind = message.op === 'checkpoint' ? 'checkpoint' : 'callback';
  const reply = answer({ kind, step: message.step, place: message.at, items, runId: publicRunId(message.run) });
  if (!reply) return;
  clock.setTimer(reply.takesMs ?? 0, () => {
    if (!alive()) return;
    // A token that is no longer waited for (its run was cancelled or timed out meanwhile) is refused; nobody is there to be told.
    void give(process, token, reply).catch(() => clock.touch());
  });
}

async function give({ engine }: SimulatedProcess, token: string, reply: TokenReply): Promise<void> {
  if ('output' in reply) await engine.sendTaskSuccess(token, JSON.stringify(reply.output));
  else await engine.sendTaskFailure(token, { error: reply.error, cause: JSON.stringify({ message: reply.message }) });
}
