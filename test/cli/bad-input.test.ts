import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fiveCalls, folder, type MockService, maestro, startService } from './support.ts';

const BOMB = [
  'a: &a [x, x, x, x, x, x, x, x]',
  ...['b', 'c', 'd', 'e'].map((key, index) => `${key}: &${key} [${`*${'abcd'[index]},`.repeat(9)}]`),
].join('\n');

let files: ReturnType<typeof folder>;
let service: MockService;

beforeAll(async () => {
  service = await startService();
  const good = fiveCalls(service.url);
  files = folder({
    'good.yaml': good,
    'empty.yaml': '',
    'broken.yaml': 'name: [x\n',
    'two-megabytes.yaml': `# ${'x'.repeat(2_000_000)}\n${good}`,
    'bomb.yaml': BOMB,
    'unknown-key.yaml': good.replace('version:', 'versoin:'),
    'wrong-type.yaml': good.replace(/steps:[\s\S]*/, 'steps: 7\n'),
    'not-text.yaml': Uint8Array.of(0xff, 0xfe, 0x00, 0x01),
    'input-wanted.yaml': good.replace(
      'services:',
      'input: { type: object, required: [city], properties: { city: { type: string } } }\nservices:',
    ),
    'no-host.yaml': good.replace(service.url, 'http://no-such-host.invalid'),
    'no-tls.yaml': good.replace('http://', 'https://'),
    'nobody.yaml': good.replace(service.url, 'http://127.0.0.1:1'),
    'no-grpc.yaml': good
      .replace('type: http', 'type: grpc, reflection: true')
      .replace('http://', '')
      .replace('"POST /a"', '"shop.v1.Shop/Do"')
      .replace(/"POST \/(.)"/g, '"shop.v1.Shop/Do$1"'),
  });
});

afterAll(async () => {
  files.remove();
  await service.close();
});

describe('wrong usage and invalid files end with status 2, say what to do, and start nothing', () => {
  const cases: [what: string, args: string[], says: RegExp, input?: string][] = [
    ['a file that is not there', ['validate', 'missing.yaml'], /missing\.yaml: there is no such file/],
    ['an empty file', ['validate', 'empty.yaml'], /empty\.yaml:1:1 .*the file is empty/],
    ['text that is not YAML', ['validate', 'broken.yaml'], /broken\.yaml:\d+:\d+ error MST1/],
    ['a file of two megabytes', ['validate', 'two-megabytes.yaml'], /at most 1048576/],
    ['anchors that expand without end', ['validate', 'bomb.yaml'], /anchors expand to more than 10 times/],
    ['an unknown key', ['validate', 'unknown-key.yaml'], /did you mean "version"/],
    ['a value of the wrong type', ['validate', 'wrong-type.yaml'], /"steps": expected a list/],
    ['bytes that are no text', ['validate', 'not-text.yaml'], /not UTF-8/],
    ['an invalid file given to execute', ['execute', 'unknown-key.yaml'], /nothing was done/],
    ['input that is not JSON', ['execute', 'good.yaml', '--input', 'city=Rome'], /--input: this is not JSON/],
    ['standard input that is not JSON', ['execute', 'good.yaml', '--input', '-'], /standard input: this is not JSON/, '{"a":'],
    ['an input file that is not there', ['execute', 'good.yaml', '--input', '@nope.json'], /nope\.json: there is no such file/],
    ['a file name without @', ['execute', 'good.yaml', '--input', 'good.yaml'], /write --input @good\.yaml/],
    ['input that the workflow does not take', ['execute', 'input-wanted.yaml', '--input', '{}'], /"city" is missing/],
    ['an unknown command', ['vaildate', 'good.yaml'], /did you mean `maestro validate`/],
    ['an unknown option', ['validate', 'good.yaml', '--jsn'], /did you mean --json/],
    ['a missing argument', ['compile'], /FILE is missing/],
    ['a data folder that cannot be made', ['execute', 'good.yaml', '--data', 'good.yaml'], /data folder .*good\.yaml: it cannot be used/],
    ['a cassette that is none', ['execute', 'good.yaml', '--replay', 'good.yaml'], /good\.yaml: /],
    ['a run that is not on record', ['get', 'run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V'], /data folder .*there is none/],
  ];

  it.each(cases)('%s', async (_what, args, says, input) => {
    const { status, stderr, stdout } = await maestro(args, { cwd: files.path, ...(input === undefined ? {} : { input }) });

    expect(stderr).toMatch(says);
    expect(stdout).toBe('');
    expect(status).toBe(2);
    expect(existsSync(join(files.path, '.maestro'))).toBe(false);
    expect(service.log).toEqual([]);
  });
});

describe('a service that cannot be called fails the run with status 1 and says why', () => {
  it.each([
    ['nobody listens', 'nobody.yaml', /ECONNREFUSED/],
    ['the name does not resolve', 'no-host.yaml', /could not be resolved/],
    ['it does not speak TLS', 'no-tls.yaml', /no connection could be made/],
  ])('%s', async (_what, file, says) => {
    const { status, stderr, stdout } = await maestro(['execute', file, '--ephemeral'], { cwd: files.path });

    expect(stderr).toMatch(says);
    expect(stderr).toContain('Maestro.ServiceUnavailable at a');
    expect(stdout).toBe('');
    expect(status).toBe(1);
  });

  it('the service speaks no gRPC', async () => {
    const { status, stderr } = await maestro(['execute', 'no-grpc.yaml', '--ephemeral'], { cwd: files.path });

    expect(stderr).toMatch(/Maestro\.\w+ at a/);
    expect(status).toBe(1);
  });
});

it('errors are one JSON document on standard output with --json', async () => {
  const invalid = await maestro(['validate', 'unknown-key.yaml', '--json'], { cwd: files.path });
  const wrong = await maestro(['execute', 'missing.yaml', '--json'], { cwd: files.path });

  const { valid, files: checked } = JSON.parse(invalid.stdout);
  expect(valid).toBe(false);
  expect(checked).toHaveLength(1);
  expect(checked[0].diagnostics).toContainEqual(
    expect.objectContaining({ severity: 'error', file: 'unknown-key.yaml', line: 2, column: 1 }),
  );
  expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: 'file' } });
  expect([invalid.status, wrong.status]).toEqual([2, 2]);
});
