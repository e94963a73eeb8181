// The same operations, asked of the process that holds the data folder.

import { request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Envelope, RunList } from '../../shared/contract/index.ts';
import type { RunEvent } from '../../shared/runs/index.ts';
import type { ControlAddress } from './folder-lock.ts';
import type { BreakerSummary, HolderStatus, RunOperations } from './operations.ts';
import { RuntimeProblem } from './problem.ts';

type Answer = { result: unknown } | { error: { code: string; message: string } } | { event: RunEvent } | { run: Envelope };

/** Operations over a control address. Results are the other process's own and of the same version; they are not checked again. */
export function createControlClient(address: ControlAddress): RunOperations {
  async function ask<T>(method: string, params: object): Promise<T> {
    for await (const line of send(address, method, params)) {
      if ('result' in line) return line.result as T;
      if ('error' in line) throw new RuntimeProblem(line.error.code, line.error.message);
    }
    throw gone(address);
  }
  return {
    status: () => ask<HolderStatus>('status', {}),
    start: (params) => ask<{ runId: string }>('start', params),
    async watch(runId, onEvent, after = 0) {
      for await (const line of send(address, 'watch', { runId, after })) {
        if ('event' in line) onEvent(line.event);
        if ('run' in line) return line.run;
        if ('error' in line) throw new RuntimeProblem(line.error.code, line.error.message);
      }
      throw gone(address);
    },
    list: (params) => ask<RunList>('list', params),
    get: (runId) => ask<Envelope>('get', { runId }),
    cancel: (runId, options) => ask<void>('cancel', { runId, ...options }),
    undo: (runId) => ask<{ after: number }>('undo', { runId }),
    breakers: () => ask<BreakerSummary[]>('breakers', {}),
    resetBreaker: (origin) => ask<boolean>('resetBreaker', { origin }),
  };
}

async function* send(address: ControlAddress, method: string, params: object): AsyncGenerator<Answer> {
  const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    const asked = request(
      `${address.url}/${method}`,
      { method: 'POST', agent: false, headers: { authorization: `Bearer ${address.token}`, 'content-type': 'application/json' } },
      resolve,
    );
    asked.on('error', () => reject(gone(address)));
    asked.end(JSON.stringify(params));
  });
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line !== '') yield JSON.parse(line) as Answer;
    }
  } catch {
    throw gone(address);
  }
}

function gone(address: ControlAddress): RuntimeProblem {
  return new RuntimeProblem(
    'holder',
    `the process that holds the data folder (pid ${address.pid}) ended before it answered. Its runs go on with the next \`maestro execute\` or \`maestro dev\`; \`maestro runs\` shows where they stand.`,
  );
}
