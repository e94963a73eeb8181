import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CallStep, parseWorkflow, type Step, topLevelOutputs, type Workflow } from '../../shared/workflow/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A valid workflow of these steps, or the diagnostics as an error. */
function parse(steps: string, head = ''): Workflow {
  const services =
    'services:\n  a: { type: http, endpoint: "http://a:1" }\n  g: { type: grpc, endpoint: "g:1", reflection: true }\n  f: { type: lambda, endpoint: f }\n';
  const text = `name: w\nversion: "1"\n${head}${services}steps:\n${steps}`;
  const { workflow, diagnostics } = parseWorkflow(text, { file: 'w.yaml' });
  if (workflow === null) throw new Error(JSON.stringify(diagnostics, null, 1));
  return workflow;
}

function call(step: Step | undefined): CallStep {
  if (step?.kind !== 'call') throw new Error('not a call');
  return step;
}

function method(service: string, text: string): CallStep['method'] {
  return call(parse(`  - { service: ${service}, method: ${JSON.stringify(text)} }\n`).steps[0]).method;
}

function codes(text: string): string[] {
  return parseWorkflow(text, { file: 'w.yaml' }).diagnostics.map(({ code }) => code);
}

const examples = join(ROOT, 'examples');
const seeds = join(ROOT, '..', 'shared', 'seeds', 'workflows');
const files = [
  ...(existsSync(examples) ? readdirSync(examples).map((name) => join(examples, name, 'workflow.yaml')) : []),
  ...(existsSync(seeds) ? readdirSync(seeds).map((name) => join(seeds, name)) : []),
].filter((file) => existsSync(file));

describe('files', () => {
  test('there are workflow files to read', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  test.each(files.map((file) => [file.slice(ROOT.length), file]))('%s is valid: hints at most', (_name, file) => {
    const { workflow, diagnostics } = parseWorkflow(readFileSync(file, 'utf8'), { file });

    expect(diagnostics.filter(({ severity }) => severity !== 'hint')).toEqual([]);
    expect(workflow?.steps.length).toBeGreaterThan(0);
  });
});

describe('defaults', () => {
  test('a service has the defaults of the language', () => {
    const service = parse('  - { service: a, method: /x }\n').services['a'];

    expect(service).toMatchObject({
      timeoutMs: 30_000,
      retry: { attempts: 1, backoff: 'exponential', initialMs: 1_000, maxMs: 30_000 },
      breaker: { ratio: 0.6, min: 3, windowMs: 10_000, openMs: 30_000, probes: 3 },
      pool: 5,
      idempotent: false,
      schema: null,
    });
  });

  test('ids are step_<n> in file order, blocks counted before what is in them', () => {
    const { steps } = parse('  - parallel: [{ wait: 1s }, { id: named, wait: 1s }]\n  - wait: 1s\n');

    const [block] = steps;
    expect(steps.map(({ id }) => id)).toEqual(['step_1', 'step_4']);
    expect(block?.kind === 'parallel' && block.branches.flatMap((branch) => branch.steps.map(({ id, number }) => [id, number]))).toEqual([
      ['step_2', 2],
      ['named', 3],
    ]);
  });

  test('the deadline is five minutes plus the waits on the longest path', () => {
    const waits =
      '  - wait: 10m\n  - parallel:\n      - wait: 1m\n      - { checkpoint: { title: t, timeout: 3m } }\n  - { service: a, method: /x, await: callback, timeout: 1h }\n';

    expect(parse(waits).timeoutMs).toBe((5 + 10 + 3 + 60) * 60_000);
  });

  test('a version that is a bare number stays as written', () => {
    expect(parseWorkflow('name: w\nversion: 1.10\nsteps: [{ wait: 1s }]\n', { file: 'w' }).workflow?.version).toBe('1.10');
  });

  test('an undo takes the service of its step, and leaves retry and timeout open', () => {
    const step = call(parse('  - { service: a, method: /x, compensate: { method: /undo } }\n').steps[0]);

    expect(step.compensate).toMatchObject({ service: 'a', retry: null, timeoutMs: null, onUnknown: false });
  });

  test('an undo retry that says only its tries keeps the pauses of undo', () => {
    const step = call(parse('  - { service: a, method: /x, compensate: { method: /undo, retry: { attempts: 3 } } }\n').steps[0]);

    expect(step.compensate?.retry).toEqual({ attempts: 3, backoff: 'exponential', initialMs: 2_000, maxMs: 300_000 });
  });

  test('the longest pause is at least the first', () => {
    const step = call(parse('  - { service: a, method: /x, retry: { attempts: 3, initial: 1m } }\n').steps[0]);

    expect(step.retry).toEqual({ attempts: 3, backoff: 'exponential', initialMs: 60_000, maxMs: 60_000 });
  });
});

describe('methods', () => {
  test('HTTP: a verb and a path', () => {
    expect(method('a', 'DELETE /x')).toEqual({ verb: 'DELETE', text: ['/x'] });
  });

  test('HTTP: a path alone is POST', () => {
    expect(method('a', '/x?q=1')).toEqual({ verb: 'POST', text: ['/x?q=1'] });
  });

  test('HTTP: a bare name is POST /api/<name in lower case>', () => {
    expect(method('a', 'CreateUser')).toEqual({ verb: 'POST', text: ['/api/createuser'] });
  });

  test('HTTP: templates in the path are parts', () => {
    expect(method('a', 'GET /x/{{ .input.id }}/y')).toMatchObject({ verb: 'GET', text: ['/x/', { kind: 'path', root: 'input' }, '/y'] });
  });

  test('gRPC and Lambda: the text as it stands', () => {
    expect(method('g', 'pkg.v1.Svc/Do')).toEqual({ verb: null, text: ['pkg.v1.Svc/Do'] });
    expect(method('f', 'do it')).toEqual({ verb: null, text: ['do it'] });
  });
});

describe('templates', () => {
  function input(yaml: string): CallStep['input'] {
    return call(parse(`  - service: f\n    input: ${yaml}\n`).steps[0]).input;
  }

  test('one template and nothing else keeps the type of its value', () => {
    expect(input('"{{ .input.x }}"')).toMatchObject({ kind: 'expr', expr: { kind: 'path', root: 'input' } });
  });

  test('white space around the braces makes it a text', () => {
    expect(input('" {{ .input.x }}"')).toMatchObject({ kind: 'text', parts: [' ', { kind: 'path' }] });
  });

  test('a literal {{ is written as a text in braces', () => {
    expect(input(`'a {{ "{{" }} b }}'`)).toMatchObject({ kind: 'text', parts: ['a ', { kind: 'literal', value: '{{' }, ' b }}'] });
  });

  test('values without templates are one literal', () => {
    expect(input('{ a: [1, true, null], b: { c: x } }')).toMatchObject({ kind: 'literal', value: { a: [1, true, null], b: { c: 'x' } } });
  });

  test('the key __proto__ is data like any other', () => {
    const template = input('{ __proto__: 1 }');

    expect(template?.kind === 'literal' && JSON.stringify(template.value)).toBe('{"__proto__":1}');
  });

  test('when is written with or without braces, or as a boolean', () => {
    const { steps } = parse(
      '  - { wait: 1s, when: ".input.x == 1" }\n  - { wait: 1s, when: "{{ .input.x == 1 }}" }\n  - { wait: 1s, when: false }\n',
    );

    expect(steps[0]?.when).toMatchObject({ kind: 'binary', op: '==' });
    expect(steps[1]?.when).toMatchObject({ kind: 'binary', op: '==' });
    expect(steps[2]?.when).toMatchObject({ kind: 'literal', value: false });
  });

  test('the span of an expression covers its text in the file', () => {
    const text = 'name: w\nversion: "1"\nsteps:\n  - set: { a: "x {{ upper(.input.b) }}" }\n';
    const [step] = parseWorkflow(text, { file: 'w' }).workflow?.steps ?? [];

    const value = step?.kind === 'set' ? step.values[0]?.[1] : undefined;
    const part = value?.kind === 'text' ? value.parts[1] : undefined;
    expect(typeof part === 'object' && text.slice(part.span.start, part.span.end)).toBe('upper(.input.b)');
  });
});

describe('the result', () => {
  test('a workflow is frozen throughout', () => {
    const workflow = parse('  - { service: a, method: "/x/{{ .input.y }}", compensate: { method: /u } }\n');

    const unfrozen: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) unfrozen.push(path);
      for (const [key, child] of Object.entries(value)) visit(child, `${path}.${key}`);
    };
    visit(workflow, '');
    expect(unfrozen).toEqual([]);
  });

  test('aliases stand for the value of their anchor', () => {
    const workflow = parse('  - { id: one, service: f, input: &x { a: "{{ .input.q }}" } }\n  - { id: two, service: f, input: *x }\n');

    expect(call(workflow.steps[1]).input).toEqual(call(workflow.steps[0]).input);
  });

  test('outputs at the end are those of steps, branches and cases, not those inside a foreach', () => {
    const steps = [
      '  - { service: f, output: a }',
      '  - parallel: [{ service: f, output: b }, { steps: [{ service: f, output: c }] }]',
      '  - { foreach: "{{ .a }}", output: d, steps: [{ service: f, output: e }] }',
      '  - switch: [{ when: ".a", steps: [{ service: f, output: g }] }]',
      '  - set: { h: 1 }\n',
    ].join('\n');

    expect(topLevelOutputs(parse(steps))).toEqual(['a', 'b', 'c', 'd', 'g']);
  });
});

describe('names and places', () => {
  const head = 'name: w\nversion: "1"\nservices: { f: { type: lambda, endpoint: f } }\nsteps:\n';

  test('a name may be made in several branches of one switch, and is then certain', () => {
    const text = `${head}  - switch: [{ when: .input.x, steps: [{ service: f, output: a }] }, { steps: [{ service: f, output: a }] }]\n  - { service: f, input: "{{ .a }}" }\n`;

    expect(codes(text)).toEqual([]);
  });

  test('a branch that ends in fail does not make a name uncertain', () => {
    const text = `${head}  - switch: [{ when: .input.x, steps: [{ service: f, output: a }] }, { steps: [{ fail: { error: No } }] }]\n  - { service: f, input: "{{ .a }}" }\n`;

    expect(codes(text)).toEqual([]);
  });

  test('a switch without a last branch leaves its names uncertain', () => {
    const text = `${head}  - switch: [{ when: .input.x, steps: [{ service: f, output: a }] }]\n  - { service: f, input: "{{ .a }}" }\n`;

    expect(codes(text)).toEqual(['MST2005']);
  });

  test('the output of a step that may be skipped is no mistake', () => {
    expect(codes(`${head}  - { when: .input.x, service: f, output: a }\n  - { service: f, input: "{{ .a }}" }\n`)).toEqual([]);
  });

  test('foreach steps in each other may both call their item `item`', () => {
    const text = `${head}  - { foreach: "{{ .input.l }}", steps: [{ foreach: "{{ .item }}", steps: [{ service: f, input: "{{ .item }}" }] }] }\n`;

    expect(codes(text)).toEqual([]);
  });

  test('headers of a service see what each step that calls it sees', () => {
    const text = `name: w\nversion: "1"\nservices: { f: { type: lambda, endpoint: f }, a: { type: http, endpoint: "http://a", headers: { X: "{{ .got.id }}" } } }\nsteps:\n  - { service: f, output: got }\n  - { service: a, method: /x }\n`;

    expect(codes(text)).toEqual([]);
  });
});

describe('one mistake is told once', () => {
  test('a step of no clear kind still makes its output', () => {
    expect(codes('name: w\nversion: "1"\nsteps:\n  - { servcie: x, method: /x, output: made }\n  - set: { q: "{{ .made.x }}" }\n')).toEqual(
      ['MST1101'],
    );
  });

  test('a template without quotes is read on as what was meant', () => {
    expect(codes('name: w\nversion: "1"\nsteps:\n  - foreach: {{ .input.x }}\n    steps: [{ wait: 1s }]\n')).toEqual(['MST1008']);
  });

  test('places are right in files with CRLF and a byte order mark', () => {
    const { diagnostics } = parseWorkflow(
      '\ufeffname: w\r\nversion: "1"\r\nsteps:\r\n  - set:\r\n      a: >\r\n        folded\r\n        {{ .oops }}\r\n',
      { file: 'w' },
    );

    expect(diagnostics).toMatchObject([{ code: 'MST2001', line: 7, column: 12, endColumn: 17, path: 'steps[0].set.a' }]);
  });
});

describe('limits', () => {
  test('a file over 1 MB is refused', () => {
    expect(codes(`name: w # ${'x'.repeat(1_000_000)}`)).toEqual(['MST1002']);
  });

  test('1 MB is counted in bytes, not in characters', () => {
    expect(codes(`name: w # ${'é'.repeat(500_001)}`)).toEqual(['MST1002']);
  });

  test('anchors that expand to more than ten times the file are refused, quickly', () => {
    const levels = Array.from({ length: 30 }, (_, n) => `l${n + 1}: &l${n + 1} [${Array.from({ length: 9 }, () => `*l${n}`).join(', ')}]`);
    const started = performance.now();

    const found = codes(`name: w\nl0: &l0 [x, x]\n${levels.join('\n')}\n`);

    expect(found).toContain('MST1003');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('an alias of what it stands in has no anchor yet', () => {
    expect(codes('name: w\nversion: "1"\nsteps: [{ set: { a: &x [*x] } }]\n')).toEqual(['MST1009']);
  });

  test('a workflow has at most 2,000 steps', () => {
    expect(codes(`name: w\nversion: "1"\nsteps:\n${'  - wait: 1s\n'.repeat(2_002)}`)).toEqual(['MST1109']);
  });

  test('a file of mistakes lists no more than two hundred', () => {
    const { diagnostics } = parseWorkflow(`name: w\nversion: "1"\nsteps:\n${'  - nothing: 1\n'.repeat(1_000)}`, { file: 'w' });

    expect(diagnostics.length).toBe(200);
  });
});
