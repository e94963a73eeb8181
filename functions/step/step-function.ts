// The one function that touches the outside: every task of a compiled definition is a message to it.

import { type Breakers, createBreakers } from '../../shared/breaker/index.ts';
import type { Caller, CallOutcome } from '../../shared/calls/types.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import { type EndMessage, MESSAGE_VERSION, type StepMessage } from '../../shared/protocol/step-message.ts';
import {
  createRuns,
  type DeadLetter,
  endRun,
  ensureRun,
  ForeignRunError,
  type Runs,
  runKeyOf,
  runRecordKey,
} from '../../shared/runs/index.ts';
import type { Blobs, Store } from '../../shared/store/index.ts';
import { callStep } from './call.ts';
import { undoChild } from './child.ts';
import type { ChildExecutions, EventEntry, StepContext } from './context.ts';
import { loadResult } from './load.ts';
import { pageItems } from './page.ts';
import { report } from './report.ts';
import { failure, StepError } from './step-error.ts';
import { undoStep } from './undo.ts';

export interface StepFunctionOptions {
  store: Store;
  blobs: Blobs;
  clock: Clock;
  caller: Caller;
  ids: {
    /** Names this process among all that ever write to the store. */
    instance: string;
    /** A fresh secret of 128 bits or more, URL-safe and without dots. */
    secret(): string;
  };
  /** No other process runs steps on this store: what another instance left `started` is not waited for. Default false. */
  sole?: boolean;
  /** The records, if the process has them already. */
  runs?: Runs;
  breakers?: Breakers;
  /** The URL for a callback token. Without it `await: callback` fails as BadConfiguration. */
  callbackUrl?: (token: string) => string;
  /** Puts an event on the bus. Without it `emit` with an undo fails as BadConfiguration. */
  putEvents?: (entry: EventEntry) => Promise<CallOutcome>;
  /** Told when an undo ends with something left: the dead letter. */
  notify?: (letter: DeadLetter) => Promise<void>;
  /** Asks about child executions that no record knows of. */
  executions?: ChildExecutions;
}

/** @throws StepError, whose name is the failure's and whose message is JSON */
export type StepFunction = (message: StepMessage) => Promise<Json>;

export function createStepFunction(options: StepFunctionOptions): StepFunction {
  const { store, blobs, clock, caller, ids } = options;
  let invocations = 0;
  const context: StepContext = {
    runs: options.runs ?? createRuns({ store, blobs, clock }),
    caller,
    breakers: options.breakers ?? createBreakers({ store, clock }),
    instance: ids.instance,
    sole: options.sole ?? false,
    nextInvocation: () => ++invocations,
    secret: ids.secret,
    callbackUrl: options.callbackUrl,
    putEvents: options.putEvents,
    notify: options.notify,
    executions: options.executions,
  };
  return async (message) => {
    try {
      return await perform(context, message);
    } catch (error) {
      throw error instanceof StepError ? error : unexpected(message, error);
    }
  };
}

async function perform(context: StepContext, message: StepMessage): Promise<Json> {
  if (message.v !== MESSAGE_VERSION)
    throw failure('Maestro.BadConfiguration', { step: '', message: `message format ${String(message.v)}: expected ${MESSAGE_VERSION}` });
  switch (message.op) {
    case 'call':
    case 'emit':
      return callStep(context, message);
    case 'undo':
      return undoStep(context, message);
    case 'page':
      return { ...(await pageItems(context, message)) };
    case 'report':
      return { ...(await report(context, message)) };
    case 'child':
      return { ...(await undoChild(context, message)) };
    case 'load':
      return loadResult(context, message);
    case 'end':
      return endExpress(context, message);
    default:
      throw failure('Maestro.BadConfiguration', {
        step: '',
        message: `message: found an unknown op, expected one of call, emit, undo, page, report, child, load, end`,
      });
  }
}

/** An Express run has no end event: its last call records the end. */
async function endExpress({ runs }: StepContext, message: EndMessage): Promise<Json> {
  const run = runKeyOf(message.run);
  const [body] = await runs.store.read([runRecordKey(run.id)]);
  const record = await ensureRun(runs, message.run, body);
  await endRun(runs, record, { status: 'completed', output: message.output }, ['running', 'waiting_checkpoint']);
  await runs.store.durable();
  return message.output;
}

/** The store or the code failed, not the service: to be tried again, for nothing is known to be wrong with the request. */
function unexpected(message: StepMessage, error: unknown): StepError {
  const step = 'step' in message ? message.step : '';
  if (error instanceof ForeignRunError)
    return failure('Maestro.BadConfiguration', { step, message: error.message, outcome: 'not_performed' }, { cause: error });
  const told = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';
  const said = `the step function could not do its work: ${told.slice(0, 300)}`;
  return failure('Maestro.ServiceUnavailable', { step, message: said, outcome: 'unknown' }, { cause: error });
}
