// Requests that nobody sends by accident, generated: whatever comes in is answered with 4xx (or served), and tells nothing that is not the sender's.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HostileRequest, hostileRequest } from './hostile-requests.ts';
import { type Asked, type Bench, openBench } from './support.ts';

/** Enough for every route with every kind of trick; `MAESTRO_HOSTILE_REQUESTS` asks for more. */
const REQUESTS = Number(process.env['MAESTRO_HOSTILE_REQUESTS'] ?? 10_000);
const SEED = Number(process.env['MAESTRO_HOSTILE_SEED'] ?? 20_261_121);
/** Stands in the victim's inputs and answers. */
const SECRET = 'the-victims-own-words';
const RUN = '/api/v2/orchestrate/run';

let bench: Bench;
/** Starts are answered without waiting. */
let ask: Bench['ask'];
let attackers: (string | null)[];
/** Ids of the victim's runs, jobs, keys and checkpoints. */
let victim: string[];
/** Ids of the victim's that no request has. */
let hidden: string[];
/** A run of the attacker's that waits, its checkpoint, and one that has ended. */
let own: string[];
/** How often each status was answered. */
const answered = new Map<number, number>();

beforeAll(async () => {
  bench = await openBench();
  ask = bench.with({ syncMs: 0 });
  const key = await bench.keyFor('victim', ['admin']);
  const echo = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: SECRET } }, key });
  const wait = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'approval', input: { text: SECRET } }, key });
  const keys = await bench.ask({ path: '/api/v2/keys', key });
  victim = [
    ...[echo, wait].flatMap(({ json }) => [json.data.run_id, json.data.job_id]),
    wait.json.data.pending_checkpoint.id,
    keys.json.data[0].id,
  ];
  const unseen = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: SECRET } }, key });
  hidden = [unseen.json.data.run_id, unseen.json.data.job_id];
  const mine = await bench.keyFor('mallory', ['admin']);
  const waiting = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'approval' }, key: mine });
  const ended = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: 'b' } }, key: mine });
  own = [waiting.json.data.run_id, waiting.json.data.pending_checkpoint.id, ended.json.data.run_id];
  const of = (scope: 'admin' | 'run' | 'read') => bench.keyFor('mallory', [scope]);
  attackers = [null, 'mk_nobody_nothing', key.slice(0, -2), mine, mine, await of('run'), await of('read'), bench.key];
});

afterAll(() => bench.close());

/** Puts ids in where names of them stand. */
function withIds(text: string): string {
  return text.replace(/(VICTIM|OWN)(\d)/g, (_, whose: string, index: string) => (whose === 'OWN' ? own : victim)[Number(index)] ?? '');
}

function askedOf(request: HostileRequest): Asked {
  const { method, isBase64Encoded } = request;
  const key = attackers[request.attacker] ?? null;
  // The operator's key takes no workflow away that others need.
  const harmless = key !== bench.key || method === 'GET' || method === 'POST';
  const headers: { [name: string]: string } = {};
  for (const [name, value] of request.headers)
    Object.defineProperty(headers, name, { value: withIds(value), enumerable: true, configurable: true, writable: true });
  if (request.contentType !== undefined) headers['content-type'] = request.contentType;
  const sent = request.body === undefined ? undefined : withIds(request.body);
  const query = request.query && Object.fromEntries(Object.entries(request.query).map(([name, value]) => [withIds(name), withIds(value)]));
  return {
    method,
    path: withIds(request.path),
    key: harmless ? key : null,
    headers,
    ...(query ? { query } : {}),
    ...(sent === undefined ? {} : { body: isBase64Encoded ? Buffer.from(sent).toString('base64') : sent }),
    event: { isBase64Encoded: isBase64Encoded && sent !== undefined },
    sourceIp: request.loopback ? '127.0.0.1' : '203.0.113.9',
  };
}

/** What an answer says, of a stream its first parts. */
async function textOf(answerBody: string | AsyncIterable<string>): Promise<string> {
  if (typeof answerBody === 'string') return answerBody;
  let text = '';
  let parts = 0;
  for await (const part of answerBody) {
    text += part;
    if (++parts === 2) break;
  }
  return text;
}

test(`${REQUESTS} hostile requests: no fault, no stack trace, nothing of another tenant`, async () => {
  await fc.assert(
    fc.asyncProperty(hostileRequest, async (request) => {
      const asked = askedOf(request);
      // Holds the answer against the document, and every refusal against the shape of errors.
      const answer = await ask(asked);
      const text = await textOf(answer.body);
      answered.set(answer.statusCode, (answered.get(answer.statusCode) ?? 0) + 1);

      expect(bench.faults).toEqual([]);
      expect(answer.statusCode).not.toBe(500);
      expect(answer.statusCode).not.toBe(503);
      expect(text).not.toMatch(/\bat [\w.<>]+ \(|node:internal|\/functions\/|\/shared\/|\.ts:\d+/);
      expect(text).not.toContain(SECRET);
      for (const id of hidden) expect(text).not.toContain(id);
      expect(JSON.stringify(answer.headers)).not.toMatch(/\\r|\\n|set-cookie/i);
    }),
    { numRuns: REQUESTS, seed: SEED, endOnFailure: true },
  );

  expect(({} as { x?: unknown }).x).toBeUndefined();
  // The tricks went everywhere, not only into the first check.
  for (const status of [200, 202, 400, 401, 403, 404, 405, 409, 415, 422, 501])
    expect(answered.get(status) ?? 0, String(status)).toBeGreaterThan(0);
}, 120_000);

test('the victim has lost nothing', async () => {
  const key = await bench.keyFor('victim', ['read']);
  const list = await bench.ask({ path: RUN, key });
  const { json } = await bench.ask({ path: `${RUN}/${victim[2]}`, key });
  const verdict = await bench.local.audit.verify('victim');

  expect(list.json.data.map(({ id }: { id: string }) => id).sort()).toEqual([victim[0], victim[2], hidden[0]].sort());
  expect(json.data.status).toBe('waiting_checkpoint');
  expect(verdict).toMatchObject({ ok: true, problems: [] });
});
