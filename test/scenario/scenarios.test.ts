import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Io } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

const WORKFLOW = `
name: orders
version: "1"
services:
  shop: { type: http, endpoint: "http://shop.test", retry: { attempts: 2 }, headers: { X-Key: "{{ env.SHOP_KEY }}" } }
steps:
  - id: reserve
    foreach: "{{ .input.items }}"
    concurrency: 1
    steps:
      - { id: one, service: shop, method: POST /reserve, input: { sku: "{{ .item }}" }, output: held, compensate: { method: "POST /release/{{ .held.id }}" } }
    output: held_all
  - { id: vip, when: .input.vip, service: shop, method: POST /vip }
  - { id: rate, service: shop, method: GET /rate, output: rate, on_error: continue, default: 1 }
  - { id: pay, service: shop, method: POST /pay, input: { count: "{{ len(.held_all) }}", rate: "{{ .rate }}" }, output: paid }
output: { paid: "{{ .paid.id }}", rate: "{{ .rate }}" }
`;

const CALLER = `
name: caller
version: "1"
services:
  shop: { type: http, endpoint: "http://shop.test" }
steps:
  - { id: first, workflow: orders, input: { items: [a] }, output: ordered }
  - { id: second, service: shop, method: POST /second, input: "{{ .ordered }}" }
output: "{{ .ordered.paid }}"
`;

const HAPPY = `
name: two items are paid
workflow: ./orders.yaml
input: { items: [a, b] }
mocks:
  one: { items: [{ id: h1 }, { id: h2 }] }
  rate: 2
  pay: { id: p1 }
expect:
  status: completed
  output: { paid: p1, rate: 2 }
  calls: ["one[0]", "one[1]", rate, { step: pay, input: { count: 2, rate: 2 }, attempts: 1 }]
  undos: []
  skipped: [vip]
`;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'scenarios-'));
  write('orders.yaml', WORKFLOW);
  write('caller.yaml', CALLER);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('maestro test', () => {
  test('every scenario of the examples comes out as it says', async () => {
    const { status, out } = await maestro(['test', 'examples', '--json'], ROOT);
    const result = JSON.parse(out) as { passed: number; failed: number; scenarios: { file: string; problems: string[] }[] };
    expect(result.scenarios.flatMap(({ file, problems }) => problems.map((problem) => `${file}: ${problem}`))).toEqual([]);
    expect(result.passed).toBeGreaterThan(10);
    expect(status).toBe(0);
  });

  test('a scenario that holds is told in one line, and the exit status is 0', async () => {
    write('happy.scenario.yaml', HAPPY);
    const { status, out, err } = await maestro(['test', 'happy.scenario.yaml']);
    expect([status, err]).toEqual([0, '']);
    expect(out).toBe('ok  happy.scenario.yaml: two items are paid  completed, 0 ms of virtual time\nok  1 of 1 scenarios passed\n');
  });

  test('undos, tries, what is let go and what is unresolved are compared, in order', async () => {
    write(
      'undone.scenario.yaml',
      `
name: a payment that is refused gives everything back
workflow: ./orders.yaml
input: { items: [a, b], vip: true }
mocks:
  one: { items: [{ id: h1 }, { id: h2 }] }
  vip: [{ unavailable: true }, { ok: 1 }]
  rate: { reject: true }
  pay: { reject: { status: 402, message: no money }, delay: 2s }
undo_mocks:
  one: { items: [{ id: 1 }, { reject: true }] }
expect:
  status: compensation_failed
  error: { step: pay, error: Maestro.ServiceRejected, message: no money }
  calls: ["one[0]", "one[1]", { step: vip, attempts: 2 }, rate, pay]
  undos: ["one[1]", "one[0]"]
  undo_failed: [one]
  let_go: [rate]
  unresolved: []
`,
    );
    const { status, out } = await maestro(['test', 'undone.scenario.yaml']);
    expect(out).toMatch(/^ok {2}undone/);
    expect(status).toBe(0);
  });

  test('a difference is told with its place, what was expected and what was found, and the exit status is 1', async () => {
    write(
      'wrong.scenario.yaml',
      HAPPY.replace('paid: p1, rate: 2', 'paid: p2, tip: 1')
        .replace('count: 2, rate: 2', 'count: 3')
        .replace('skipped: [vip]', 'skipped: []'),
    );
    const { status, out } = await maestro(['test', 'wrong.scenario.yaml']);
    expect(status).toBe(1);
    expect(out.split('\n').slice(1, -2)).toEqual([
      '    output.paid: expected "p2", found "p1"',
      '    output.tip: expected 1, found no such entry',
      '    output.rate: found 2, expected no such entry',
      '    calls[3] (pay).input.count: expected 3, found 2',
      '    skipped: expected none, found vip',
    ]);
  });

  test('calls in another order are told with both lists', async () => {
    write('order.scenario.yaml', HAPPY.replace('["one[0]", "one[1]", rate,', '["one[1]", rate, "one[0]",'));
    const { out } = await maestro(['test', 'order.scenario.yaml']);
    expect(out).toContain(
      'calls[0]: expected one[1], found one[0]\n      expected: one[1], rate, one[0], pay\n      found:    one[0], one[1], rate, pay\n',
    );
  });

  test('a call that no mock answers fails the scenario and is named', async () => {
    write('unmocked.scenario.yaml', HAPPY.replace('  pay: { id: p1 }\n', ''));
    const { status, out } = await maestro(['test', 'unmocked.scenario.yaml']);
    expect(status).toBe(1);
    expect(out).toContain('mocks: no mock answers pay; give step "pay" one');
  });

  test('a workflow step is answered by its mock, fails by it, and is undone by it', async () => {
    write(
      'mocked.scenario.yaml',
      `
name: the other workflow is mocked
workflow: ./caller.yaml
mocks: { first: { paid: x }, second: { reject: true } }
expect: { status: compensated, error: { step: second }, calls: [first, { step: second, input: { paid: x } }], undos: [first] }
`,
    );
    write(
      'failing.scenario.yaml',
      `
name: the other workflow fails
workflow: ./caller.yaml
mocks: { first: { fail: { error: OutOfStock, message: nothing left } } }
expect: { status: failed, error: { step: first }, calls: [first], undos: [] }
`,
    );
    const { status, out } = await maestro(['test', 'mocked.scenario.yaml', 'failing.scenario.yaml']);
    expect(out).toContain('2 of 2');
    expect(status).toBe(0);
  });

  test('without a mock the other workflow runs, and its own undo is seen', async () => {
    write(
      'real.scenario.yaml',
      `
name: the other workflow runs
workflow: ./caller.yaml
mocks: { one: { id: h1 }, rate: 1, pay: { id: p }, second: { reject: true } }
expect: { status: compensated, calls: [first, second], undos: ["one[0]"] }
`,
    );
    const { status, out } = await maestro(['test', 'real.scenario.yaml']);
    expect(out).toMatch(/^ok /);
    expect(status).toBe(0);
  });

  test('--filter chooses by file or name, and nothing left to run is wrong usage', async () => {
    expect((await maestro(['test', '.', '--filter', 'TWO ITEMS are', '--json'])).out).toContain('"name": "two items are paid"');
    const { status, err } = await maestro(['test', '.', '--filter', 'no such thing']);
    expect(status).toBe(2);
    expect(err).toContain('no such thing');
  });

  test.each([
    [
      'a mistake in the file is told with line and column',
      'typo.scenario.yaml',
      'name: x\nexpect:\n  status: finished\n',
      /typo\.scenario\.yaml:3:11: expect\.status: /,
    ],
    ['a file that is not YAML is told as such', 'broken.scenario.yaml', 'name: [\n', /broken\.scenario\.yaml:\d+:\d+: not YAML/],
    [
      'a workflow that is not there is told',
      'gone.scenario.yaml',
      'name: x\nworkflow: ./gone.yaml\nexpect: { status: completed }\n',
      /gone\.yaml: there is no such file/,
    ],
  ])('%s, and the exit status is 2', async (_, name, text, message) => {
    write(name, text);
    const { status, err } = await maestro(['test', name]);
    rmSync(path.join(folder, name));
    expect(status).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('maestro prove', () => {
  test('prints a table and exits with 0 when nothing is left half done', async () => {
    const { status, out } = await maestro(['prove', 'orders.yaml', '--input', '{"items": ["a"], "vip": true}']);
    expect(status).toBe(0);
    expect(out).toMatch(/pay rejected +one\[0\], vip, rate, pay +one\[0\] +compensated +ok/);
    expect(out).toContain('proved  21 cases, nothing is left half done');
  });

  test('--json has every case with what was called and undone', async () => {
    const { out } = await maestro(['prove', 'orders.yaml', '--json']);
    const proof = JSON.parse(out) as { wrong: number; cases: { case: string; called: string[]; undone: string[]; status: string }[] };
    expect(proof.wrong).toBe(0);
    expect(proof.cases.find((one) => one.case === 'pay unavailable')).toMatchObject({
      undone: ['one[1]', 'one[0]'],
      status: 'compensated',
    });
  });

  test('exits with 1 and says why when the run cannot complete with the input', async () => {
    write(
      'stops.yaml',
      WORKFLOW.replace('name: orders', 'name: stops').replace(
        'steps:\n  - id: reserve',
        'steps:\n  - { id: stop, when: "len(.input.items) == 1", fail: { error: TooFew, message: one is none } }\n  - id: reserve',
      ),
    );
    const { status, out } = await maestro(['prove', 'stops.yaml', '--input', '{"items": ["a"]}']);
    rmSync(path.join(folder, 'stops.yaml'));
    expect(status).toBe(1);
    expect(out).toContain('without any failure the run ended failed (stop: TooFew, one is none)');
  });

  test('input that is not JSON is wrong usage', async () => {
    const { status, err } = await maestro(['prove', 'orders.yaml', '--input', '{items']);
    expect(status).toBe(2);
    expect(err).toContain('--input: this is not JSON');
  });
});

function write(name: string, text: string): void {
  writeFileSync(path.join(folder, name), text);
}

async function maestro(argv: string[], cwd = folder): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    terminal: { out: false, err: false },
    color: { out: false, err: false },
    columns: () => 120,
    cwd,
    env: {},
    readInput: () => Promise.resolve(''),
    onInterrupt: () => () => {},
    exitNow: (code) => {
      throw new Error(`the command left the process with ${code}`);
    },
  };
  return { status: await run(argv, io), out, err };
}
