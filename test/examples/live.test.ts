import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Io } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { type DemoServices, startDemoServices } from '../../examples/services/index.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

let demo: DemoServices;
let folder: string;

beforeAll(async () => {
  demo = await startDemoServices({ httpPort: 0, grpcPort: 0 });
});
afterAll(() => demo.close());
beforeEach(() => {
  demo.control.reset();
  // A folder of its own for each run: breakers remember, and the demo services share two addresses.
  folder = mkdtempSync(join(tmpdir(), 'maestro-live-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  exit: number;
  status: unknown;
  output: unknown;
  failedAt: unknown;
}

/** `maestro execute` on an example, with the ports that the demo services have here. */
async function execute(name: string, input?: object): Promise<Ended> {
  const text = readFileSync(join(EXAMPLES, name, 'workflow.yaml'), 'utf8');
  const file = join(folder, 'workflow.yaml');
  writeFileSync(file, text.replaceAll('http://127.0.0.1:4710', demo.url).replaceAll('127.0.0.1:4711', demo.grpcAddress));
  const given = input === undefined ? `@${join(EXAMPLES, name, 'input.json')}` : JSON.stringify(input);
  const said: string[] = [];
  const io: Io = {
    out: (line) => void said.push(line),
    err: () => {},
    terminal: { out: false, err: false },
    color: { out: false, err: false },
    columns: () => 80,
    cwd: folder,
    env: {},
    readInput: async () => '',
    onInterrupt: () => () => {},
    exitNow: (status) => {
      throw new Error(`the command ended the process with ${status}`);
    },
  };
  const exit = await run(['execute', file, '--input', given, '--data', join(folder, 'data'), '--json'], io);
  const { status, output, error } = JSON.parse(said.join('')).data;
  return { exit, status, output, failedAt: error?.step ?? null };
}

/** What the demo services were asked, in order, without what came to nothing. */
function performed(): string[] {
  return demo.control
    .log()
    .filter(({ outcome }) => outcome === 'performed' || outcome === 'answer_lost')
    .map(({ operation }) => operation);
}

test('a background check decides, and with a bureau refusing it says what it decided without', async () => {
  const all = await execute('background-check');
  demo.control.misbehave({ match: 'GetCreditScore', mode: 'reject' });
  const some = await execute('background-check');

  expect(all).toMatchObject({ exit: 0, status: 'completed', output: { status: 'accepted', report_id: 'report-1', without: [] } });
  expect(some).toMatchObject({ exit: 0, status: 'completed', output: { status: 'review', report_id: 'report-2', without: ['credit'] } });
});

test('a background check finds what a court has', async () => {
  const input = { candidate: 'c', email: 'a@b', name: 'Rex Doyle', document: 'P12345', state: 'NY', counties: ['Kings', 'queens'] };

  expect(await execute('background-check', input)).toMatchObject({ output: { status: 'rejected', risk_level: 'high' } });
});

test('a video is published in its sizes, and leaves no file when it cannot be', async () => {
  const published = await execute('video-processing');
  expect(published).toMatchObject({ exit: 0, output: { sizes: ['1080p', '720p', '480p'] } });
  expect(Object.keys(demo.control.state())).toEqual(['files', 'thumbnails', 'videos', 'mails']);

  demo.control.reset();
  demo.control.misbehave({ match: 'PublishVideo', mode: 'reject' });
  const refused = await execute('video-processing');

  expect(refused).toMatchObject({ exit: 1, status: 'compensated', failedAt: 'publish' });
  expect(demo.control.state()).toEqual({});
  expect(performed().slice(-4)).toEqual(['DeleteThumbnails', 'DeleteFile', 'DeleteFile', 'DeleteFile']);
});

test('a deployment that does not get healthy is torn down in reverse', async () => {
  const input = { image: 'base', artifact: 'broken.tgz', region: 'eu-west-1', environment: 'preview' };

  expect(await execute('deploy-service', input)).toMatchObject({ exit: 1, status: 'compensated', failedAt: 'stop_when_unhealthy' });
  expect(demo.control.state()).toEqual({});
  expect(performed()).toEqual(['CreateInstance', 'Deploy', 'CheckHealth', 'Undeploy', 'DestroyInstance']);
});

test('a deployment opens the way that its environment has', async () => {
  const preview = { image: 'base', artifact: 'shop.tgz', region: 'eu-west-1', environment: 'preview', branch: 'Fix/Cart' };

  expect(await execute('deploy-service')).toMatchObject({ output: { url: 'https://www.shop.example' } });
  expect(await execute('deploy-service', preview)).toMatchObject({ output: { url: 'https://fix-cart.preview.example' } });
  expect(demo.control.state()).toMatchObject({ targets: [{ lb_id: 'main' }], dns_records: [{ id: 'fix-cart.preview.example' }] });
});

test('a lead finds its owner, known company or not', async () => {
  const known = await execute('lead-enrichment');
  const unknown = await execute('lead-enrichment', { email: 'sam@nowhere.example', domain: 'nowhere.example' });

  expect(known).toMatchObject({ exit: 0, output: { owner: 'greta', lead_id: 'ada@acme.example' } });
  expect(unknown).toMatchObject({ exit: 0, output: { owner: 'campaign', lead_id: 'sam@nowhere.example' } });
});

test('an order whose charge loses its answer once is charged once', async () => {
  demo.control.misbehave({ match: 'ChargeCard', mode: 'lose_answer', times: 1 });

  expect(await execute('order-processing')).toMatchObject({ exit: 0, output: { paid_cents: 11_400 } });
  expect(demo.control.state()['charges']).toEqual([{ id: 'charge-for-A-1001', amount_cents: 11_400, currency: 'EUR' }]);
  expect(demo.control.state()['reservations']).toHaveLength(2);
});

test('an order that no carrier takes gives back the money first, then the stock from its last item', async () => {
  const input = JSON.parse(readFileSync(join(EXAMPLES, 'order-processing/input.json'), 'utf8'));

  expect(await execute('order-processing', { ...input, country: 'aq' })).toMatchObject({ status: 'compensated', failedAt: 'ship' });
  expect(Object.keys(demo.control.state())).toEqual(['refunds']);
  expect(performed().slice(-3)).toEqual(['RefundOrder', 'ReleaseStock', 'ReleaseStock']);
  const released = demo.control.log().filter(({ operation }) => operation === 'ReleaseStock');
  expect(released.map(({ input: { reservation_id } }) => reservation_id)).toEqual(['reservation-2', 'reservation-1']);
});

test('a customer gets everything or nothing', async () => {
  const done = await execute('user-onboarding');
  expect(done).toMatchObject({ exit: 0, output: { plan: 'premium', seats: 50 } });
  expect(Object.keys(demo.control.state())).toEqual(['campaign_members', 'accounts', 'subscriptions', 'workspaces', 'mails']);

  demo.control.reset();
  demo.control.misbehave({ match: 'step:welcome', mode: 'reject' });
  const refused = await execute('user-onboarding');

  expect(refused).toMatchObject({ exit: 1, status: 'compensated', failedAt: 'welcome' });
  expect(demo.control.state()).toEqual({});
});
