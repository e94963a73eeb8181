// The shape of what the compiler emits: where failures go, what settles, what is folded, what fits. What a run of it does is proved by the
// property tests, which compare whole runs with a reference.

import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CompileResult, compile, substitute } from '../../shared/compiler/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { childExecutionName, publicRunId } from '../../shared/protocol/run-id.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';
import { awsExpression } from '../support/aws-functions.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const SEEDS = path.join(ROOT, '..', 'shared', 'seeds', 'workflows');
const validateAsl = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => { isValid: boolean; errors: unknown[] };

const HEAD = `
name: t
version: "1"
services:
  a: { type: http, endpoint: "http://127.0.0.1:1" }
`;

/** Compiles a file made of the common head and these steps. */
function compiled(body: string, head = HEAD): CompileResult {
  const { workflow, diagnostics } = parseWorkflow(`${head}${body}`, { file: 't.yaml' });
  const errors = diagnostics.filter((one) => one.severity === 'error').map((one) => `${one.code} ${one.line}: ${one.message}`);
  if (!workflow) throw new Error(`the test's workflow is wrong: ${errors.join('; ')}`);
  return compile(workflow);
}

type State = JsonObject & { Type: string; Next?: string; Catch?: JsonObject[]; Choices?: JsonObject[] };

function states(result: CompileResult): { [name: string]: State } {
  return result.definition.States as { [name: string]: State };
}

function catchNext(state: State | undefined): Json | undefined {
  return state?.Catch?.at(-1)?.Next;
}

function saga(steps: number, extra = ''): string {
  const one = (i: number): string => `
  - id: step_${i}
    service: a
    method: "POST /do/${i}"
    input: { order: "{{ .input.order }}", before: ${i === 0 ? 'null' : `"{{ .out_${i - 1}.id }}"`} }
    output: out_${i}
    compensate: { method: "POST /undo/${i}", input: { id: "{{ .out_${i}.id }}" } }`;
  return `${extra}\nsteps:${Array.from({ length: steps }, (_, i) => one(i)).join('')}`;
}

describe('the undo chain', () => {
  const result = compiled(`
steps:
  - { id: one, service: a, method: "POST /1", output: x, compensate: { method: "POST /u1" } }
  - { id: two, service: a, method: "POST /2" }
  - { id: three, service: a, method: "POST /3", compensate: { method: "POST /u3" } }
  - { id: four, service: a, method: "POST /4" }
`);

  it('is entered at the undo of the step that failed where it has one, else at the last one before it', () => {
    expect(catchNext(states(result).one)).toBe('undo one');
    expect(catchNext(states(result).two)).toBe('undo one');
    expect(catchNext(states(result).three)).toBe('undo three');
    expect(catchNext(states(result).four)).toBe('undo three');
  });

  it('runs from the last undoable step to the first, whether an undo works or not, and ends in the report', () => {
    const chain = states(result);
    expect([chain['undo three']?.Next, catchNext(chain['undo three'])]).toEqual(['undo one', 'undo one']);
    expect([chain['undo one']?.Next, catchNext(chain['undo one'])]).toEqual(['undo (report)', 'undo (report)']);
    expect(chain['undo (report)']?.Next).toBe('(failed)');
    expect(chain['(failed)']?.Type).toBe('Fail');
  });

  it('is a machine of its own from the top', () => {
    expect(result.undoDefinition?.StartAt).toBe('undo three');
  });

  it('does not exist where nothing can be undone', () => {
    const plain = compiled('\nsteps:\n  - { id: one, service: a, method: "POST /1" }\n');
    expect(plain.undoDefinition).toBeNull();
    expect(catchNext(states(plain).one)).toBe('(failed)');
    expect(states(plain)['undo (report)']).toBeUndefined();
  });

  it('undoes a foreach page by page, one item at a time', () => {
    const each = states(
      compiled(`
steps:
  - id: each
    foreach: "{{ .input.items }}"
    steps:
      - { id: item_call, service: a, method: "POST /1", compensate: { method: "POST /u" } }
`),
    );
    expect(each['undo each (page)']?.Next).toBe('undo each (items)');
    expect(each['undo each (items)']?.MaxConcurrency).toBe(1);
    expect(each['undo each (more)']?.Choices?.[0]?.Next).toBe('undo each (page)');
  });
});

describe('blocks', () => {
  const PARALLEL = `
  - id: both
    parallel:
      - { id: left, service: a, method: "POST /l", output: l }
      - { id: right, service: a, method: "POST /r", output: r }
`;

  it('fail fast, with no join, where nothing before or in them can be undone or let go', () => {
    const all = states(compiled(`\nsteps:${PARALLEL}`));
    expect(all['both (join)']).toBeUndefined();
    expect(JSON.stringify(all.both)).not.toContain('"stops"');
  });

  it('settle where a step before them can be undone', () => {
    const all = states(
      compiled(`\nsteps:\n  - { id: first, service: a, method: "POST /1", compensate: { method: "POST /u" } }${PARALLEL}`),
    );
    expect(all.both?.Next).toBe('both (join)');
    expect(all['both (join)']?.Choices?.[0]?.Next).toBe('undo first');
    expect(JSON.stringify(all.both)).toContain('"stops":["0002"]');
  });

  it('settle, and stop nothing, where failures are let go', () => {
    const all = states(compiled(`\nsteps:${PARALLEL.replace('id: both', 'id: both\n    on_error: continue')}`));
    expect(all['both (join)']).toBeDefined();
    expect(JSON.stringify(all.both)).toContain('"onError":"continue"');
    expect(JSON.stringify(all.both)).not.toContain('"stops"');
  });
});

describe('what is folded', () => {
  it('puts a set into the call before it, and the output into the last state', () => {
    const result = compiled(`
steps:
  - { id: one, service: a, method: "POST /1", output: first }
  - { set: { twice: "{{ .first.n * 2 }}" } }
  - { id: two, service: a, method: "POST /2", output: second }
output: { n: "{{ .twice }}", m: "{{ .second.m }}" }
`);
    expect(Object.keys(states(result))).toEqual(['one', 'two', '(failed)']);
    expect(result.stats.transitions).toEqual({ min: 2, max: 2 });
    expect(states(result).two?.End).toBe(true);
  });

  it('keeps a set of its own where it reads what the state before also sets', () => {
    const result = compiled(`
steps:
  - { id: one, service: a, method: "POST /1", output: first }
  - { id: s1, set: { twice: "{{ .first.n * 2 }}" } }
  - { id: s2, set: { four: "{{ .twice * 2 }}" } }
`);
    expect(result.stats.transitions).toEqual({ min: 2, max: 2 });
    expect(states(result).s2?.Type).toBe('Pass');
  });
});

describe('names', () => {
  it('never hides a JSONata function behind a variable', () => {
    const result = compiled(`
steps:
  - { id: one, service: a, method: "POST /1", output: count }
  - { id: two, service: a, method: "POST /2", input: { n: "{{ len(.count) }}" }, output: sum }
`);
    const assigned = Object.values(states(result)).flatMap((state) => Object.keys((state.Assign as JsonObject | undefined) ?? {}));
    expect(assigned).toContain('count_2');
    expect(assigned).not.toContain('count');
    expect(assigned).not.toContain('sum');
  });
});

describe('results', () => {
  it('keeps of a result exactly what is read later, and all of it where it is read whole', () => {
    const all = states(
      compiled(`
steps:
  - { id: one, service: a, method: "POST /1", output: x }
  - { id: two, service: a, method: "POST /2", output: y, input: { all: "{{ .x }}", part: "{{ .x.a.b }}" } }
  - { id: three, service: a, method: "POST /3", output: z, when: ".y", input: "{{ .x.c }}" }
`),
    );
    const keep = (name: string): Json | undefined => (((all[name] as State).Arguments as JsonObject).Payload as JsonObject).keep;
    expect(keep('one')).toEqual(['/a/b', '/c']);
    expect(keep('two')).toBeUndefined();
    expect(keep('three')).toEqual([]);
  });
});

describe('limits', () => {
  it('a saga of 500 steps fits into a definition, and size grows in proportion', () => {
    const bytes = (n: number): number => compiled(saga(n)).stats.bytes;
    const [half, whole] = [bytes(250), bytes(500)];
    expect(whole).toBeLessThan(1_000_000);
    expect(whole / half).toBeLessThan(2.1);
  });

  it('tells when a definition is too large for AWS, with the way out', () => {
    expect(compiled(saga(600)).diagnostics).toMatchObject([
      { code: 'MST3001', severity: 'error', hint: expect.stringContaining('workflow') },
    ]);
  });

  it('tells when an express run cannot hold its undo', () => {
    const head = HEAD.replace('1" }', '1", idempotent: true }');
    const step = '{ id: one, service: a, method: "POST /1", compensate: { method: "POST /u" } }';
    const result = compiled(`\nexecution: express\ntimeout: 1m\nsteps:\n  - ${step}\n`, head);
    expect(result.diagnostics).toMatchObject([{ code: 'MST3002', severity: 'error', hint: expect.stringContaining('compensate.retry') }]);
  });
});

describe('every file', () => {
  const files = [...globSync('examples/*/workflow.yaml', { cwd: ROOT }).map((file) => path.join(ROOT, file))];
  if (existsSync(SEEDS)) files.push(...globSync('*.yaml', { cwd: SEEDS }).map((file) => path.join(SEEDS, file)));

  it.each(files)('%s compiles to the same bytes each time, and asl-validator accepts them', (file) => {
    const parse = (): CompileResult => {
      const { workflow } = parseWorkflow(readFileSync(file, 'utf8'), { file });
      if (!workflow) throw new Error(`${file} does not parse`);
      return compile(workflow);
    };
    const result = parse();
    expect(JSON.stringify(result)).toBe(JSON.stringify(parse()));
    const values = Object.fromEntries(
      Object.keys(result.needs.substitutions).map((name) => [name, `arn:aws:lambda:eu-west-1:123456789012:function:${name}`]),
    );
    for (const definition of [result.definition, result.undoDefinition]) {
      if (definition === null) continue;
      expect(validateAsl(substitute(definition, values))).toMatchObject({ isValid: true, errors: [] });
    }
  });
});

describe('the rules that code and definition share', () => {
  const REF = ['arn:aws:states:eu-west-1:123456789012:execution:t:some-name', '2026-01-01T00:00:00.000Z'] as const;
  const NAMED = ['arn:aws:states:eu-west-1:123456789012:execution:t:run_01JCQ8Z5N8X6QK3V7M2B4C9D0E', REF[1]] as const;
  const context = ([id, start]: readonly [string, string]): JsonObject => ({
    context: { Execution: { Id: id, StartTime: start, Name: id.split(':').at(-1) ?? '', Input: {} } },
  });

  /** The message that a definition sends in its only call, evaluated. */
  async function evaluated(body: string, pick: (state: State) => Json, ref: readonly [string, string]): Promise<Json> {
    const code = String(pick(states(compiled(body)).one as State)).slice(2, -2);
    return (await awsExpression(code).evaluate(undefined, { states: context(ref) })) as Json;
  }

  it.each([REF, NAMED])('a public run id is the same in both (%s)', async (...ref) => {
    const body = '\nsteps:\n  - { id: one, service: a, method: "POST /1", input: { run: "{{ .run.id }}" } }\n';
    const pick = (state: State): Json => (((state.Arguments as JsonObject).Payload as JsonObject).input as JsonObject).run ?? null;
    expect(await evaluated(body, pick, ref)).toBe(publicRunId(ref));
  });

  it.each([REF, NAMED])("a child's name is the same in both (%s)", async (...ref) => {
    const body = '\nsteps:\n  - { id: one, workflow: other }\n';
    const pick = (state: State): Json => (state.Arguments as JsonObject).Name ?? null;
    const name = await evaluated(body, pick, ref);
    expect(name).toBe(childExecutionName(ref, '0001'));
    expect(String(name).length).toBeLessThanOrEqual(80);
  });

  it('a link in the input that is not of the right form cannot break the deadline', async () => {
    const body = '\nsteps:\n  - { id: one, wait: 5s }\n  - { service: a, method: "POST /1" }\n';
    const code = String(states(compiled(body)).one?.Seconds).slice(2, -2);
    for (const link of [
      'text',
      5,
      null,
      [],
      [{ deadline: 1 }, { deadline: 'x' }],
      { deadline: 'x' },
      { deadline: null },
    ] satisfies Json[]) {
      const forged = { context: { Execution: { Id: REF[0], StartTime: REF[1], Name: 'x', Input: { $maestro: link } } } };
      expect(typeof (await awsExpression(code).evaluate(undefined, { states: forged }))).toBe('number');
    }
  });
});

it('a fingerprint of a small file pins the wire format', () => {
  // Change it on purpose only: runs in flight outlive a deployment (M1 of step-message.ts).
  const { definition } = compiled(
    '\nsteps:\n  - { id: one, service: a, method: "POST /1", output: x, compensate: { method: "POST /u" } }\n',
  );
  const message = ((definition.States as { one: State }).one.Arguments as JsonObject).Payload;
  expect(createHash('sha256').update(JSON.stringify(message)).digest('hex').slice(0, 12)).toMatchInlineSnapshot(`"78a3026a4597"`);
});
