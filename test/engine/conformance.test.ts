// The recorded behaviour of AWS, where the recordings are present beside the repository.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEndpoint, createLambdaClient } from '../../local/endpoint/index.ts';
import { createEngine } from '../../local/engine/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { openDatabase } from '../../shared/store/database.ts';

const RUNNER = path.resolve(import.meta.dirname, '../../../shared/conformance/run.mjs');

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe.skipIf(!existsSync(RUNNER))('recorded AWS behaviour', () => {
  it('agrees in outcome, history, contents and links on every case', { timeout: 60_000 }, async () => {
    const lambdaPort = await freePort();
    const database = openDatabase({ path: ':memory:' });
    const client = createLambdaClient({ endpoint: `http://127.0.0.1:${lambdaPort}` });
    const engine = createEngine({
      database,
      clock: systemClock,
      ids: { uuid: randomUUID, random: () => 0.5 },
      lambda: client.lambda,
      accountId: '111111111111',
    });
    const endpoint = await createEndpoint({ engine, port: 0 });

    const said = await new Promise<string>((resolve) => {
      execFile(process.execPath, [RUNNER, '--endpoint', endpoint.url, '--lambda-port', String(lambdaPort)], (_, stdout) => resolve(stdout));
    });
    await endpoint.close();
    engine.close();
    await client.close();
    database.close();

    const score = /conformance: (\d+)\/(\d+) outcome, (\d+)\/(\d+) history, (\d+)\/(\d+) contents, (\d+)\/(\d+) links/.exec(said);
    const numbers = (score ?? []).slice(1).map(Number);
    expect(
      numbers,
      said
        .split('\n')
        .filter((line) => line.startsWith('x'))
        .join('\n'),
    ).toHaveLength(8);
    expect(numbers[0]).toBeGreaterThan(80);
    expect([numbers[0], numbers[2], numbers[4], numbers[6]]).toEqual([numbers[1], numbers[3], numbers[5], numbers[7]]);
  });
});
