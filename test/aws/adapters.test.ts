// The other ports over their wire protocols: catalogue, bus, letters, audit key, feed of events, configuration.

import { createHmac } from 'node:crypto';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createAuditKey,
  createBus,
  createCatalog,
  createEventFeed,
  createStepEvents,
  createUndoLetters,
  readConfig,
  readManifest,
  readParameters,
} from '../../functions/aws/index.ts';
import * as events from '../../functions/aws/sdk/eventbridge.ts';
import * as s3 from '../../functions/aws/sdk/s3.ts';
import * as secrets from '../../functions/aws/sdk/secrets-manager.ts';
import * as sqs from '../../functions/aws/sdk/sqs.ts';
import * as ssm from '../../functions/aws/sdk/ssm.ts';
import { createRun, createRuns, type DeadLetter, endRun, findRun, type RunEvent, runRecordKey } from '../../shared/runs/index.ts';
import { openDatabase } from '../../shared/store/database.ts';
import { createSqliteStore } from '../../shared/store/sqlite/index.ts';
import { virtualClock } from '../engine/support.ts';
import { type JsonServices, startJsonServices } from './json-services.ts';

const PATH = '/maestro/test/workflows';
const MACHINE = 'arn:aws:states:us-east-1:000000000000:stateMachine:Order1A2B';
let services: JsonServices;
let server: FauxqsServer;
let clients: { ssm: SSMClient; secrets: SecretsManagerClient; events: EventBridgeClient; s3: S3Client; sqs: SQSClient };

beforeAll(async () => {
  services = await startJsonServices();
  server = await startFauxqs({ port: 0, logger: false });
  const common = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 };
  const emulator = { ...common, endpoint: `http://127.0.0.1:${server.port}` };
  const json = { ...common, endpoint: services.url };
  clients = {
    ssm: new SSMClient(json),
    secrets: new SecretsManagerClient(json),
    events: new EventBridgeClient(json),
    s3: new S3Client(emulator),
    sqs: new SQSClient(emulator),
  };
});
afterAll(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await server.stop();
  await services.close();
});
beforeEach(() => {
  services.parameters.clear();
  services.asked.length = 0;
  services.events.length = 0;
});

describe('the catalogue', () => {
  const described = { version: '7', description: 'sells', execution: 'standard', timeoutMs: 60_000, input: { type: 'object' } };
  const entry = { ...described, inputPaths: [['id']], triggers: [], source: 'workflow: order' };

  function deploy(name: string, machine: string, undo: string | null): void {
    services.parameters.set(`${PATH}/${name}`, JSON.stringify({ machine, live: `${machine}:live`, undo }));
  }

  async function open(names: string[]) {
    server.createBucket('assets');
    const manifest = JSON.stringify(Object.fromEntries(names.map((name) => [name, entry])));
    await clients.s3.send(new PutObjectCommand({ Bucket: 'assets', Key: 'manifest.json', Body: manifest }));
    const clock = virtualClock();
    let read = 0;
    const catalog = createCatalog({
      clock,
      manifest: () => readManifest(async () => ({ sdk: s3, client: clients.s3 }), { bucket: 'assets', key: 'manifest.json' }),
      parameters() {
        read++;
        return readParameters(async () => ({ sdk: ssm, client: clients.ssm }), PATH);
      },
    });
    const pass = (ms: number): void => {
      clock.setTimer(ms, () => {});
      clock.next();
    };
    return { catalog, pass, reads: () => read };
  }

  it('joins the manifest with the ARNs, over all pages', async () => {
    deploy('order', MACHINE, `${MACHINE}Undo:live`);
    deploy('pay', `${MACHINE}Pay`, null);
    deploy('ship', `${MACHINE}Ship`, null);
    const { catalog } = await open(['order', 'pay', 'ship', 'not-deployed']);

    expect((await catalog.list()).map(({ name }) => name)).toEqual(['order', 'pay', 'ship']);
    expect(await catalog.find('order')).toEqual({
      name: 'order',
      ...entry,
      machineArn: MACHINE,
      startArn: `${MACHINE}:live`,
      undoArn: `${MACHINE}Undo:live`,
    });
    expect(await catalog.find('not-deployed')).toBeUndefined();
    expect(await catalog.find('constructor')).toBeUndefined();
  });

  it('names a workflow by its machine, with or without a version or an alias, and knows its undo machine', async () => {
    deploy('order', MACHINE, `${MACHINE}Undo:live`);
    const { catalog } = await open(['order']);
    for (const arn of [MACHINE, `${MACHINE}:live`, `${MACHINE}:3`]) expect(await catalog.nameOf(arn)).toBe('order');
    expect(await catalog.nameOf(`${MACHINE}Undo`)).toBeUndefined();
    expect(await catalog.isUndo(`${MACHINE}Undo`)).toBe(true);
    expect(await catalog.isUndo(MACHINE)).toBe(false);
  });

  it('reads parameters once a minute; for a name that is not there again at once, but not more often than every few seconds', async () => {
    deploy('order', MACHINE, null);
    const { catalog, pass, reads } = await open(['order', 'late']);
    await catalog.find('order');
    await catalog.find('order');
    expect(reads()).toBe(1);
    expect(await catalog.find('late')).toBeUndefined();
    expect(await catalog.find('late')).toBeUndefined();
    expect(reads()).toBe(1);

    pass(5_000);
    deploy('late', `${MACHINE}Late`, null);
    expect((await catalog.find('late'))?.machineArn).toBe(`${MACHINE}Late`);
    expect(reads()).toBe(2);
    pass(59_000);
    await catalog.find('order');
    expect(reads()).toBe(2);
    pass(1_000);
    await catalog.find('order');
    expect(reads()).toBe(3);
  });

  it('goes on with what it knows when the parameters cannot be read, but says of no name that it is not there', async () => {
    deploy('order', MACHINE, null);
    const { catalog, pass } = await open(['order', 'late']);
    await catalog.find('order');
    pass(60_000);
    services.parameters.set(`${PATH}/order`, '{"machine":1}');
    expect((await catalog.find('order'))?.machineArn).toBe(MACHINE);
    await expect(catalog.find('late')).rejects.toThrow(/parameter of workflow order/);
    deploy('order', `${MACHINE}New`, null);
    expect((await catalog.find('order'))?.machineArn).toBe(`${MACHINE}New`);
  });

  it('is read once by many that ask at a time', async () => {
    deploy('order', MACHINE, null);
    const { catalog, pass, reads } = await open(['order']);
    await Promise.all(Array.from({ length: 10 }, () => catalog.find('order')));
    expect(reads()).toBe(1);
    pass(60_000);
    await Promise.all(Array.from({ length: 10 }, () => catalog.find('order')));
    expect(reads()).toBe(2);
  });

  it('says which parameter is of another shape', async () => {
    services.parameters.set(`${PATH}/order`, '{"machine":1}');
    const { catalog } = await open(['order']);
    await expect(catalog.find('order')).rejects.toThrow(/parameter of workflow order/);
  });
});

describe('the bus', () => {
  const bus = createBus(async () => ({ sdk: events, client: clients.events }), 'maestro');
  const event = { source: 'shop', 'detail-type': 'paid', detail: { id: 7 } };

  it('puts events in order and answers their ids', async () => {
    const ids = await bus.put([event, { ...event, resources: ['arn:a'], time: '2026-01-02T03:04:05Z' }]);
    expect(ids).toEqual(['event-0', 'event-1']);
    expect(services.events).toEqual([
      { EventBusName: 'maestro', Source: 'shop', DetailType: 'paid', Detail: '{"id":7}' },
      { EventBusName: 'maestro', Source: 'shop', DetailType: 'paid', Detail: '{"id":7}', Resources: ['arn:a'], Time: 1_767_323_045 },
    ]);
  });

  it('throws when one of them was not taken, and tells codes only', async () => {
    services.nextPutEvents = {
      FailedEntryCount: 1,
      Entries: [{ EventId: 'a' }, { ErrorCode: 'InternalFailure', ErrorMessage: '{"id":7}' }],
    };
    const put = bus.put([event, event]);
    await expect(put).rejects.toThrow('event bus maestro: 1 of 2 events were not taken (InternalFailure)');
  });

  it.each([
    [{ FailedEntryCount: 1, Entries: [{ ErrorCode: 'ThrottlingException' }] }, 'not_performed', 'Maestro.ServiceUnavailable'],
    [{ FailedEntryCount: 1, Entries: [{ ErrorCode: 'NotAuthorizedForSourceException' }] }, 'not_performed', 'Maestro.ServiceRejected'],
    [{ refused: 'ThrottlingException' }, 'not_performed', 'Maestro.ServiceUnavailable'],
    [{ refused: 'ResourceNotFoundException' }, 'not_performed', 'Maestro.ServiceRejected'],
  ])('an emit that is answered with %j is an outcome', async (answer, outcome, error) => {
    services.nextPutEvents = answer;
    const emit = createStepEvents(async () => ({ sdk: events, client: clients.events }), 'maestro');
    const entry = { source: 's', detailType: 't', detail: { id: 7 }, runId: 'run_1', stepId: 'a', traceparent: '00' };
    expect(await emit(entry)).toMatchObject({ outcome, error });
    expect(await emit(entry)).toEqual({ outcome: 'done', value: { EventId: 'event-0' } });
  });

  it('that cannot be reached leaves it unknown whether the event was put', async () => {
    const nobody = new EventBridgeClient({
      endpoint: 'http://127.0.0.1:9',
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
      maxAttempts: 1,
    });
    const emit = createStepEvents(async () => ({ sdk: events, client: nobody }), 'maestro');
    const entry = { source: 's', detailType: 't', detail: {}, runId: 'run_1', stepId: 'a', traceparent: '00' };
    expect(await emit(entry)).toMatchObject({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });
  });
});

describe('a letter of a failed undo', () => {
  const letter = (count: number, filler: string): DeadLetter => ({
    runId: 'run_1',
    execution: 'arn',
    workflow: 'order',
    version: '1',
    status: 'compensation_failed',
    error: 'Maestro.ServiceRejected',
    step: 'pay',
    left: Array.from({ length: count }, (_, index) => ({
      step: `s${index}`,
      at: String(index),
      error: 'Maestro.ServiceRejected',
      message: 'no',
      undo: { service: { name: 'shop', type: 'http', endpoint: ['http://shop'] }, input: filler },
    })),
    unresolved: [],
  });

  async function sent(what: DeadLetter): Promise<Record<string, unknown>> {
    server.purgeAll();
    const { queueUrl } = server.createQueue('letters');
    await createUndoLetters(async () => ({ sdk: sqs, client: clients.sqs }), queueUrl)(what);
    const { Messages = [] } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }));
    return JSON.parse(Messages[0]?.Body ?? '') as Record<string, unknown>;
  }

  it('has all that is needed to undo by hand', async () => {
    expect(await sent(letter(2, 'x'))).toEqual(letter(2, 'x'));
  });

  it('that is too long for a message loses requests first, and says how many there were', async () => {
    const told = await sent(letter(5, 'x'.repeat(100_000)));
    expect(told['left']).toHaveLength(5);
    expect(told).toMatchObject({ runId: 'run_1', shortened: { left: 5, unresolved: 0 } });
    const many = await sent(letter(20_000, ''));
    expect((many['left'] as unknown[]).length).toBeGreaterThan(100);
    expect(many['shortened']).toEqual({ left: 20_000, unresolved: 0 });
  });
});

describe('the key of the audit chain', () => {
  it('signs with the secret’s text, which is read once', async () => {
    services.secrets.set('arn:secret', 'k-1');
    const key = createAuditKey(async () => ({ sdk: secrets, client: clients.secrets }), 'arn:secret');
    expect(await key.sign('text')).toBe(createHmac('sha256', 'k-1').update('text').digest('hex'));
    await key.sign('more');
    expect(services.asked).toEqual(['secretsmanager.GetSecretValue']);
  });

  it('that is missing is an error, and is looked up again', async () => {
    const key = createAuditKey(async () => ({ sdk: secrets, client: clients.secrets }), 'arn:none');
    await expect(key.sign('text')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    services.secrets.set('arn:none', 'k-2');
    expect(await key.sign('text')).toHaveLength(64);
  });
});

describe('the feed of events', () => {
  function open() {
    const database = openDatabase({ path: ':memory:' });
    const clock = virtualClock();
    const blobs = { put: async () => {}, get: async () => undefined };
    const runs = createRuns({ store: createSqliteStore(database), blobs, clock });
    return { runs, clock, feed: createEventFeed({ runs, clock }) };
  }
  const NAME = 'run_01J9ZQ3V7M8N4K2T6Y5X1W0ABC';

  /** Moves the clock whenever nothing else happens, until `done`. */
  async function drive<T>(clock: ReturnType<typeof virtualClock>, done: Promise<T>): Promise<T> {
    let ended = false;
    done.finally(() => (ended = true)).catch(() => {});
    while (!ended) {
      await new Promise((resolve) => setImmediate(resolve));
      if (clock.timers > 0) clock.next();
    }
    return done;
  }

  async function all(events: AsyncIterable<RunEvent>): Promise<string[]> {
    const types: string[] = [];
    for await (const { n, type } of events) types.push(`${n} ${type}`);
    return types;
  }

  it('tells each event once, in order, from where it is asked, and ends with the run', async () => {
    const { runs, clock, feed } = open();
    const run = await createRun(runs, { id: NAME, workflow: 'order' });
    for (let index = 0; index < 450; index++) await runs.append(NAME, 'step.completed', { step: 'a' });
    clock.setTimer(5_000, () => void endRun(runs, run, { status: 'completed', output: null }));

    const types = await drive(clock, all(feed.follow(NAME, 0)));
    const rest = await drive(clock, all(feed.follow(NAME, 450)));

    expect(types).toHaveLength(452);
    expect(types.map((text) => Number(text.split(' ')[0]))).toEqual(Array.from({ length: 452 }, (_, index) => index + 1));
    expect(rest).toEqual(['451 step.completed', '452 run.completed']);
    expect(await drive(clock, all(feed.follow(NAME, 452)))).toEqual([]);
  });

  it('goes on past the end of a run that is being undone again', async () => {
    const { runs, clock, feed } = open();
    const run = await createRun(runs, { id: NAME, workflow: 'order' });
    await endRun(runs, run, { status: 'compensation_failed' });
    await runs.store.update(runRecordKey(NAME), { set: { status: 'compensating' } });
    await runs.append(NAME, 'compensation.started');
    clock.setTimer(3_000, () => {
      void findRun(runs, NAME).then((again) => again && endRun(runs, again, { status: 'compensated' }));
    });
    expect(await drive(clock, all(feed.follow(NAME, 0)))).toEqual([
      '1 run.queued',
      '2 run.compensation_failed',
      '3 compensation.started',
      '4 run.compensated',
    ]);
  });

  it('ends when its time is over, or when nobody listens', async () => {
    const { runs, clock, feed } = open();
    await createRun(runs, { id: NAME, workflow: 'order' });
    const begun = clock.now();
    expect(await drive(clock, all(feed.follow(NAME, 0, { untilMs: begun + 7_000 })))).toEqual(['1 run.queued']);
    expect(clock.now() - begun).toBe(7_000);

    const stop = new AbortController();
    clock.setTimer(1_200, () => stop.abort());
    await drive(clock, all(feed.follow(NAME, 1, { signal: stop.signal })));
    expect(clock.now() - begun).toBeLessThanOrEqual(8_300);
  });

  it('asks less often while nothing happens', async () => {
    const { runs, clock } = open();
    await createRun(runs, { id: NAME, workflow: 'order' });
    let reads = 0;
    const counted = {
      ...runs,
      store: {
        ...runs.store,
        list(...args: Parameters<typeof runs.store.list>) {
          reads++;
          return runs.store.list(...args);
        },
      },
    };
    await drive(clock, all(createEventFeed({ runs: counted, clock }).follow(NAME, 0, { untilMs: clock.now() + 60_000 })));
    expect(reads).toBeLessThanOrEqual(35);
    expect(reads).toBeGreaterThanOrEqual(30);
  });

  it('says when a run has ended or waits, or the time is over', async () => {
    const { runs, clock, feed } = open();
    const run = await createRun(runs, { id: NAME, workflow: 'order' });
    const begun = clock.now();
    await drive(clock, feed.settled(NAME, begun + 25_000));
    expect(clock.now()).toBe(begun + 25_000);

    clock.setTimer(2_000, () => void runs.store.update(runRecordKey(NAME), { set: { status: 'waiting_checkpoint' } }));
    await drive(clock, feed.settled(NAME, begun + 50_000));
    expect(clock.now() - begun).toBeLessThan(29_000);
    await endRun(runs, run, { status: 'completed' }, ['waiting_checkpoint']);
    await feed.settled(NAME, begun + 50_000);
  });
});

describe('the configuration', () => {
  it('names every variable that is missing or empty', () => {
    expect(() => readConfig({ MAESTRO_TABLE: 't', MAESTRO_BUCKET: '' }, ['table', 'bucket', 'bus'])).toThrow(
      /found no MAESTRO_BUCKET, MAESTRO_BUS, expected/,
    );
  });

  it('has what is there, and leaves out what need not be', () => {
    const config = readConfig({ MAESTRO_TABLE: 't', MAESTRO_BUS: 'b' }, ['table'], ['bus', 'apiUrl']);
    expect(config).toEqual({ table: 't', bus: 'b' });
  });
});
