// What is deployed: each function's bundle, imported by a process of its own.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Bundle,
  bundle,
  bundleHttpClient,
  environment,
  HANDLERS,
  type HandlerName,
  importOnce,
  yardstick,
} from '../../bench/bundles.ts';

/** Imports of one bundle, each beside a yardstick; the quickest of both count: others work on this machine too. */
const ROUNDS = 4;

/**
 * Ceilings in KB, minified. A start parses all of the bundle, at about 20 ms a MB; 3 MB is the most that step and ingress may have.
 *   step        gRPC, its types and undici are 0.9 MB of it
 *   ingress     the compiler (deploying), diagnostics, YAML, and the OpenAPI document
 *   the others  an eighth more than they have: whoever goes beyond has imported something that is large
 */
const CEILING_KB: { [handler in HandlerName]: number } = {
  ingress: 1_700,
  stream: 1_350,
  step: 2_500,
  checkpoint: 1_150,
  recorder: 1_350,
  starter: 1_350,
};

/** The most that the import of a bundle may take, ms: of what answers people, and of what every step waits for. */
const IMPORT_MS = 150;
/** What the yardstick takes on the machine of bench/README.md when it has nothing else to do. */
const YARDSTICK_MS = 46;

/** Six bundles and some processes, on a machine that has other work. */
const PATIENCE_MS = 60_000;

vi.setConfig({ testTimeout: PATIENCE_MS });

let folder: string;
const bundles = new Map<HandlerName, Bundle>();

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'maestro-bundles-'));
  for (const handler of HANDLERS) bundles.set(handler, await bundle(handler, folder, { traced: true }));
}, PATIENCE_MS);
afterAll(() => rmSync(folder, { recursive: true }));

const bundleOf = (handler: HandlerName): Bundle => {
  const found = bundles.get(handler);
  if (!found) throw new Error(`no bundle of ${handler}`);
  return found;
};

describe.each(HANDLERS)('the bundle of %s', (handler) => {
  it('is below its ceiling', () => {
    const { bytes, packages } = bundleOf(handler);
    expect(Math.round(bytes / 1_024), JSON.stringify(packages.slice(0, 8))).toBeLessThan(CEILING_KB[handler]);
  });

  it('has a handler when it is imported, and has evaluated no client but the table’s', async () => {
    expect((await importOnce(bundleOf(handler).file)).evaluated).toEqual(['dynamodb']);
  });
});

it.each(['ingress', 'step'] as const)('%s is imported in time, with what it needs to call a service over HTTP', async (handler) => {
  const files = [bundleOf(handler).file, ...(handler === 'step' ? [(await bundleHttpClient(folder)).file] : [])];
  const best = files.map(() => Number.POSITIVE_INFINITY);
  let yard = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    yard = Math.min(yard, await yardstick());
    for (const [index, file] of files.entries()) best[index] = Math.min(best[index] ?? 0, (await importOnce(file)).ms);
  }
  const ms = best.reduce((sum, each) => sum + each, 0);
  expect((ms * YARDSTICK_MS) / yard).toBeLessThan(IMPORT_MS);
});

it('an error of a bundle is told by the places where it was written', async () => {
  const message = { v: 1, op: 'call', run: ['arn:x', 'no date'], step: 'a', at: '00001', limit: 1, service: {} };
  const script = `
    const { handler } = await import(${JSON.stringify(pathToFileURL(bundleOf('step').file).href)});
    await handler(${JSON.stringify(message)}).catch(({ name }) => console.log(name));
  `;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: environment() });
  const line = `${stdout}${stderr}`.split('\n').find((text) => text.includes('"level":"ERROR"'));
  expect((JSON.parse(line ?? '{}') as { error: { frames: string[] } }).error.frames[0]).toMatch(/\bshared\/runs\/keys\.ts:\d+:\d+\)$/);
});
