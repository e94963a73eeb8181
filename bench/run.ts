// The benchmark's command line: `node bench/run.ts --help`.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServer } from './child-process.ts';
import { type Contestant, type ContestantFactory, SHAPE_NAMES, type Shape } from './contestant.ts';
import { flushMs } from './disk.ts';
import { type Cell, measure } from './harness.ts';
import { CONTESTANTS } from './peers/index.ts';

const USAGE = `node bench/run.ts [options]
  --contestants a,b      default all: ${Object.keys(CONTESTANTS).join(',')}
  --shapes a,b           default all: ${SHAPE_NAMES.join(',')}
  --concurrency 1,16,64  workflows at once
  --rounds 3             turns per contestant and cell
  --turn-ms 2000         length of a turn
  --warm-up-ms 1000      before each cell
  --turn-limit 20000     most workflows in a turn
  --folder DIR           where data is written, default the system's temporary folder; put it on the disk you mean
  --json FILE            write the numbers there too`;

const { values } = parseArgs({
  options: {
    contestants: { type: 'string', default: Object.keys(CONTESTANTS).join(',') },
    shapes: { type: 'string', default: SHAPE_NAMES.join(',') },
    concurrency: { type: 'string', default: '1,16,64' },
    rounds: { type: 'string', default: '3' },
    'turn-ms': { type: 'string', default: '2000' },
    'warm-up-ms': { type: 'string', default: '1000' },
    'turn-limit': { type: 'string', default: '20000' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const factories = values.contestants.split(',').map(factoryOf);
const shapes = values.shapes.split(',').map(shapeOf);
const folder = await mkdtemp(join(values.folder, 'maestro-bench-'));
const mock = await startServer(new URL('./mock-service.ts', import.meta.url));
const mockUrl = `http://127.0.0.1:${mock.port}`;
const started: Contestant[] = [];
let cleaned: Promise<void> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void cleanUp().then(() => process.exit(130)));

try {
  const flush = await flushMs(folder, () => performance.now());
  console.log(`a flush to this disk takes ${flush.toFixed(2)} ms`);
  for (const factory of factories) {
    const contestant = factory({ mockUrl, folder });
    started.push(contestant);
    await contestant.start();
    console.log(`${contestant.name}: ${contestant.setup}`);
  }
  const cells = await measure({
    contestants: started,
    mockUrl,
    shapes,
    concurrencies: values.concurrency.split(',').map((text) => positive('--concurrency', text)),
    rounds: positive('--rounds', values.rounds),
    turnMs: positive('--turn-ms', values['turn-ms']),
    warmUpMs: positive('--warm-up-ms', values['warm-up-ms']),
    turnLimit: positive('--turn-limit', values['turn-limit']),
    now: () => performance.now(),
    onProgress: (line) => console.log(line),
  });
  if (values.json !== undefined) await writeFile(values.json, report(cells, flush));
} finally {
  await cleanUp();
}

function cleanUp(): Promise<void> {
  cleaned ??= (async () => {
    for (const contestant of started.reverse()) await contestant.close();
    await mock.stop();
    await rm(folder, { recursive: true, force: true });
  })();
  return cleaned;
}

function report(cells: readonly Cell[], flush: number): string {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    flushMs: flush,
  };
  const contestants = started.map(({ name, setup }) => ({ name, setup }));
  return `${JSON.stringify({ machine, contestants, cells }, null, 2)}\n`;
}

function factoryOf(name: string): ContestantFactory {
  const factory = Object.hasOwn(CONTESTANTS, name) ? CONTESTANTS[name] : undefined;
  return factory ?? wrong(`--contestants: found "${name}", expected some of ${Object.keys(CONTESTANTS).join(', ')}`);
}

function shapeOf(name: string): Shape {
  return SHAPE_NAMES.find((shape) => shape === name) ?? wrong(`--shapes: found "${name}", expected some of ${SHAPE_NAMES.join(', ')}`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : wrong(`${option}: found "${text}", expected a whole number above 0`);
}

function wrong(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}
