import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allSteps,
  checkWorkflowSet,
  type Diagnostic,
  formatDiagnostic,
  formatDuration,
  locateDiagnostics,
  parseDuration,
  parseWorkflow,
  type Workflow,
  walkSteps,
  workflowJsonSchema,
} from '../../shared/workflow/index.ts';

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['1.1s', 1_100],
    ['0', 0],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '30', 's', '1d', '-5s', '1h 30m', '1.s', '.5s', '0.5ms', '1S', `${'9'.repeat(40)}h`, '1e3s', '٣s'])(
    '%s is no duration',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 * 24 * 3_600_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
      { seed: 3 },
    );
  });
});

describe('a printed diagnostic', () => {
  const text = 'name: w\nversion: "1"\nsteps:\n  - set: { 漢字: 1, x: "漢字 {{ upcase(.input.a) }}" }\n';

  function first(code: string): Diagnostic {
    const found = parseWorkflow(text, { file: 'order.yaml' }).diagnostics.find((diagnostic) => diagnostic.code === code);
    if (found === undefined) throw new Error(`no ${code}`);
    return found;
  }

  test('has the place, the line, a caret below the fault and the hint', () => {
    const lines = formatDiagnostic(first('MST2006'), text).split('\n');

    expect(lines[0]).toBe('order.yaml:4:29 error MST2006 there is no function "upcase"');
    expect(lines[1]).toBe('  4 |   - set: { 漢字: 1, x: "漢字 {{ upcase(.input.a) }}" }');
    // Each of the four wide characters before the fault takes two columns.
    expect(lines[2]).toBe(`    | ${' '.repeat(28 + 4)}${'^'.repeat('upcase(.input.a)'.length)}`);
    expect(lines[3]).toMatch(/^ {4}= /);
  });

  test('has colours only where they are asked for', () => {
    expect(formatDiagnostic(first('MST2006'), text)).not.toContain('\u001b');
    expect(formatDiagnostic(first('MST2006'), text, { color: true })).toContain('\u001b[31m');
  });

  test('shows no control character of the file', () => {
    const odd = 'name: "\u001b[31m\u202e"\nversion: "1"\n';
    const { diagnostics } = parseWorkflow(odd, { file: 'a\u001bb.yaml' });

    const printed = diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, odd)).join('');
    expect([printed.includes('\u001b'), printed.includes('\u202e')]).toEqual([false, false]);
    expect(printed).toContain('MST1014');
  });

  test('cuts a long line around the caret', () => {
    const long = `name: w\nversion: "1"\nsteps: [{ set: { x: "${'a'.repeat(5_000)}{{ nope() }}" } }]\n`;
    const [diagnostic] = parseWorkflow(long, { file: 'w' }).diagnostics;

    const [, source = '', marks = ''] = diagnostic === undefined ? [] : formatDiagnostic(diagnostic, long).split('\n');
    expect(source.length).toBeLessThan(200);
    expect(source.slice(marks.indexOf('^')).startsWith('nope()')).toBe(true);
  });

  test('is located from a span alone', () => {
    const [located] = locateDiagnostics(
      [{ code: 'MST3001', severity: 'error', message: 'm', span: { start: 8, end: 15 }, path: 'version' }],
      text,
      'f.yaml',
    );

    expect(located).toMatchObject({ file: 'f.yaml', line: 2, column: 1, endLine: 2, endColumn: 8 });
  });
});

describe('several workflows', () => {
  function workflow(name: string, ...children: string[]): Workflow {
    const steps = children.length === 0 ? '  - wait: 1s\n' : children.map((child) => `  - workflow: ${child}\n`).join('');
    const parsed = parseWorkflow(`name: ${name}\nversion: "1"\nsteps:\n${steps}`, { file: `${name}.yaml` }).workflow;
    if (parsed === null) throw new Error(name);
    return parsed;
  }

  function found(...workflows: Workflow[]): [string, string, number][] {
    return checkWorkflowSet(workflows).map(({ code, file, line }) => [code, file, line]);
  }

  test('a tree of workflows is fine, and a child may be run twice', () => {
    expect(found(workflow('a', 'b', 'c', 'c'), workflow('b', 'c'), workflow('c'))).toEqual([]);
  });

  test('a child that is not there is told at its step', () => {
    const diagnostics = checkWorkflowSet([workflow('order', 'shiping'), workflow('shipping')]);

    expect(diagnostics).toMatchObject([
      { code: 'MST2301', file: 'order.yaml', line: 4, path: 'steps[0].workflow', hint: 'did you mean "shipping"?' },
    ]);
  });

  test('a circle is told once, at the call that closes it', () => {
    expect(found(workflow('a', 'b'), workflow('b', 'c'), workflow('c', 'a'))).toEqual([['MST2302', 'c.yaml', 4]]);
    expect(found(workflow('a', 'a'))).toEqual([['MST2302', 'a.yaml', 4]]);
  });

  test('a chain of ten thousand workflows is walked without a deep stack', () => {
    const base = workflow('n0', 'n1');
    const [step] = base.steps;
    const chain = Array.from({ length: 10_000 }, (_, n) => ({
      ...base,
      name: `n${n}`,
      steps: step?.kind === 'workflow' ? [{ ...step, workflow: `n${(n + 1) % 10_000}` }] : [],
    }));

    expect(checkWorkflowSet(chain).map(({ code }) => code)).toEqual(['MST2302']);
  });

  test('two files of one name are told', () => {
    expect(found(workflow('a'), workflow('a'))).toEqual([['MST2303', 'a.yaml', 1]]);
  });
});

describe('walking', () => {
  test('steps come in file order with the blocks around them and their places', () => {
    const text =
      'name: w\nversion: "1"\nsteps:\n  - wait: 1s\n  - parallel:\n      - wait: 1s\n      - steps: [{ wait: 1s }, { foreach: "{{ .input.l }}", steps: [{ wait: 1s }] }]\n';
    const workflow = parseWorkflow(text, { file: 'w' }).workflow;
    const walked: [string, string, string][] = [];

    walkSteps(workflow?.steps ?? [], (step, parents, place) => walked.push([step.id, parents.map(({ id }) => id).join('/'), place]));

    expect(walked).toEqual([
      ['step_1', '', '0001'],
      ['step_2', '', '0002'],
      ['step_3', 'step_2', '0002.0001.0001'],
      ['step_4', 'step_2', '0002.0002.0001'],
      ['step_5', 'step_2', '0002.0002.0002'],
      ['step_6', 'step_2/step_5', '0002.0002.0002.0001'],
    ]);
    expect(workflow === null ? [] : allSteps(workflow).map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('the JSON Schema', () => {
  const schema = workflowJsonSchema();

  test('every reference leads to a definition', () => {
    const text = JSON.stringify(schema);
    const references = new Set([...text.matchAll(/"\$ref":"#\/\$defs\/(\w+)"/g)].map(([, name]) => name));

    expect(references.size).toBeGreaterThan(3);
    for (const reference of references) expect(schema['$defs']).toHaveProperty(String(reference));
    expect(text).not.toContain('placeholder');
  });

  test('unknown keys are not allowed, required ones are listed', () => {
    expect(schema).toMatchObject({ additionalProperties: false, required: ['name', 'version', 'steps'] });
    expect(JSON.stringify(schema['$defs'])).toContain('compensate');
  });
});
