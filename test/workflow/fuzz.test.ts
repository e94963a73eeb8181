import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CATALOGUE, formatDiagnostic, parseWorkflow } from '../../shared/workflow/index.ts';

const RUNS = Number(process.env['MAESTRO_FUZZ_RUNS'] ?? 3_000);
const CASES = join(import.meta.dirname, 'cases');
const SOURCES = readdirSync(CASES).map((name) => readFileSync(join(CASES, name, 'workflow.yaml'), 'utf8'));
const PIECES = [
  '{{',
  '}}',
  '"',
  "'",
  '\\',
  '\n',
  '  ',
  '\t',
  ': ',
  '- ',
  '&a ',
  '*a',
  '!!str ',
  '<<: *a',
  '[',
  ']',
  '{',
  '}',
  '|',
  '>-\n',
  '#',
  '---\n',
  '__proto__: 1',
  'constructor',
  '.input',
  '(',
  ')',
  ' ? ',
  '💥',
  '\u0000',
  '\ud800',
  '\r',
  '%',
  '1e999',
  'null',
  '~',
  'steps:',
  'when:',
  '"\\u12"',
  '{{ ((((( ',
  'await: callback',
];

/** Mulberry32: small, seeded, the same everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(text: string, random: (below: number) => number): string {
  let result = text;
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(result.length + 1);
    const length = random(12);
    const kind = random(6);
    if (kind === 0) result = result.slice(0, at) + result.slice(at + length);
    else if (kind === 1) result = result.slice(0, at) + (PIECES[random(PIECES.length)] ?? '') + result.slice(at);
    else if (kind === 2) result = result.slice(0, at) + result.slice(at, at + length * 8).repeat(2) + result.slice(at + length * 8);
    else if (kind === 3) result = result.slice(0, at) + String.fromCharCode(random(0x300)) + result.slice(at + 1);
    else if (kind === 4) {
      const lines = result.split('\n');
      const line = random(lines.length);
      lines.splice(random(lines.length), 0, ...lines.splice(line, 1));
      result = lines.join('\n');
    } else result = result.slice(0, at) + (PIECES[random(PIECES.length)] ?? '') + result.slice(at + length);
  }
  return result;
}

function check(text: string): void {
  const started = performance.now();
  const { workflow, diagnostics } = parseWorkflow(text, { file: 'fuzz.yaml' });
  const tookMs = performance.now() - started;
  expect(tookMs).toBeLessThan(1_000);
  expect(workflow === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
  for (const diagnostic of diagnostics.slice(0, 20)) {
    expect(diagnostic.code in CATALOGUE).toBe(true);
    expect(diagnostic.span.start).toBeGreaterThanOrEqual(0);
    expect(diagnostic.span.end).toBeLessThanOrEqual(Math.max(text.length, 1));
    expect(formatDiagnostic(diagnostic, text)).toContain(diagnostic.code);
  }
}

describe('any text gives diagnostics and nothing else', () => {
  test(`${RUNS} mutations of files`, { timeout: 60_000 + RUNS * 50 }, () => {
    const random = randomFrom(2026);

    for (let run = 0; run < RUNS; run++) check(mutate(SOURCES[random(SOURCES.length)] ?? '', random));

    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test(`${RUNS} mutations of expressions`, { timeout: 60_000 + RUNS * 50 }, () => {
    const random = randomFrom(7);
    const parts = [
      '.input',
      '.a',
      '["k"]',
      '[0]',
      '(',
      ')',
      '{',
      '}',
      '[',
      ']',
      '+',
      '-',
      '*',
      '/',
      '%',
      '!',
      '==',
      '<',
      '&&',
      '||',
      '?',
      ':',
      '|',
      ',',
      'len',
      'upper(',
      '"t"',
      "'t'",
      '1',
      '2.5',
      'true',
      'env.A',
      'callback.url',
      '}}',
      '{{',
      ' ',
      '\\',
    ];

    for (let run = 0; run < RUNS; run++) {
      const expression = Array.from({ length: 1 + random(14) }, () => parts[random(parts.length)]).join(random(2) === 0 ? ' ' : '');
      check(
        `name: w\nversion: "1"\nsteps:\n  - set:\n      x: ${JSON.stringify(`{{ ${expression} }}`)}\n    when: ${JSON.stringify(expression)}\n`,
      );
    }
  });

  test.each([
    ['brackets', '['.repeat(100_000)],
    ['dashes', '- '.repeat(20_000)],
    ['open maps', `name: w\nsteps: ${'{a: '.repeat(20_000)}`],
    ['quotes', '"'.repeat(50_000)],
    ['anchors', `a: ${'&a '.repeat(50_000)}`],
    ['keys', Array.from({ length: 20_000 }, (_, n) => `k${n}: 1`).join('\n')],
    ['braces', `name: "${'{{ '.repeat(30_000)}"`],
    ['parentheses', `name: w\nsteps: [{ set: { x: "{{ ${'('.repeat(30_000)} }}" } }]`],
    ['unknown keys in a step', `name: w\nsteps: [{ ${Array.from({ length: 20_000 }, (_, n) => `k${n}: 1`).join(', ')} }]`],
    ['services', `name: w\nservices:\n${Array.from({ length: 20_000 }, (_, n) => `  s${n}: {}`).join('\n')}`],
    [
      'names and blocks',
      `name: w\nversion: 1\nsteps:\n${Array.from({ length: 900 }, (_, n) => `  - set: { ${Array.from({ length: 20 }, (_, m) => `n${n}_${m}: 1`).join(', ')} }\n  - switch: [{ when: .nope, steps: [{ wait: 1s }] }]\n`).join('')}`,
    ],
    [
      'unknown names',
      `name: w\nversion: 1\nsteps: [{ set: { ${Array.from({ length: 10_000 }, (_, n) => `n${n}: "{{ .unknown${n} }}"`).join(', ')} } }]`,
    ],
    ['documents', '---\n'.repeat(20_000)],
  ])('a flood of %s ends soon', (_name, text) => {
    const started = performance.now();

    const { workflow } = parseWorkflow(text, { file: 'flood.yaml' });

    expect(workflow).toBeNull();
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
