import { describe, expect, test } from 'vitest';
import { runUse } from '../../cli/cost/run-use.ts';
import { ASSUMPTIONS, costOf, PRICES, type PriceTable } from '../../shared/compiler/cost/index.ts';
import { compile } from '../../shared/compiler/index.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';

const five = { min: 5, max: 5 };

describe('costOf', () => {
  test('bills a Standard run by transitions, calls and records', () => {
    const { standard } = costOf({ transitions: { min: 10, max: 20 }, calls: five });

    expect(standard.stepFunctions).toEqual({ min: 0.00025, max: 0.0005 });
    // 5 × ($0.20/M + 0.1 s × 0.5 GB × $0.0000133334)
    expect(standard.lambda.min).toBeCloseTo(5 * (0.0000002 + 0.00000066667), 12);
    // (5 × 4 + 4) writes, 5 × 1.5 reads
    expect(standard.dynamodb.min).toBeCloseTo((24 * 0.625 + 7.5 * 0.125) / 1e6, 12);
    expect(standard.perRun.min).toBeCloseTo(0.00025 + 0.0000043333 + 0.0000159375, 9);
    expect(standard.perMillion.min).toBeCloseTo(standard.perRun.min * 1e6, 6);
    expect(standard.perMillion.max).toBeCloseTo(500 + 4.3333 + 15.9375, 2);
  });

  test('bills an Express run by request and by 100 ms of 64 MB, with one call more', () => {
    const { express, standard } = costOf({ transitions: five, calls: five, durationMs: { min: 101, max: 1_000 } });

    expect(express?.stepFunctions.min).toBeCloseTo(1e-6 + 0.2 * (64 / 1024) * 0.00001667, 14);
    expect(express?.stepFunctions.max).toBeCloseTo(1e-6 + 1 * (64 / 1024) * 0.00001667, 14);
    expect(express?.lambda.min).toBeCloseTo((standard.lambda.min / 5) * 6, 12);
  });

  test('rounds the memory of Express up to 64 MB', () => {
    const use = { transitions: five, calls: five, durationMs: { min: 1_000, max: 1_000 } };

    const small = costOf({ ...use, assume: { expressMb: 65 } });

    expect(small.express?.stepFunctions.min).toBeCloseTo(1e-6 + (128 / 1024) * 0.00001667, 14);
    expect(small.assumptions).toEqual({ ...ASSUMPTIONS, expressMb: 65 });
  });

  test('takes the calls one after the other where the duration is not told', () => {
    const told = costOf({ transitions: five, calls: five, durationMs: { min: 500, max: 500 } });

    expect(costOf({ transitions: five, calls: five }).express).toEqual(told.express);
  });

  test('finds Express cheaper for many quick steps and Standard for few slow ones', () => {
    expect(costOf({ transitions: { min: 20, max: 30 }, calls: five }).cheaper).toBe('express');
    expect(
      costOf({ transitions: { min: 1, max: 1 }, calls: { min: 0, max: 0 }, durationMs: { min: 60_000_000, max: 60_000_000 } }).cheaper,
    ).toBe('standard');
    expect(
      costOf({ transitions: { min: 1, max: 1_000 }, calls: { min: 0, max: 0 }, durationMs: { min: 240_000, max: 240_000 } }).cheaper,
    ).toBe('depends');
  });

  test('prices no Express run where none is allowed', () => {
    const cost = costOf({ transitions: five, calls: five, expressAllowed: false });

    expect(cost.express).toBeNull();
    expect(cost.cheaper).toBe('standard');
  });

  test('leaves the most open where only the data of a run decides', () => {
    const cost = costOf({ transitions: { min: 3, max: null }, calls: { min: 1, max: null } });

    expect(cost.standard.perRun.min).toBeGreaterThan(0);
    expect(cost.standard.perRun.max).toBeNull();
    expect(cost.standard.perMillion.max).toBeNull();
    expect(cost.cheaper).toBe('depends');
  });

  test('takes another table', () => {
    const prices: PriceTable = { ...PRICES, region: 'eu-central-1', standardTransition: { ...PRICES.standardTransition, usd: 0.05 } };

    const cost = costOf({ transitions: five, calls: five }, prices);

    expect(cost.region).toBe('eu-central-1');
    expect(cost.standard.stepFunctions.min).toBe(0.00025);
  });

  test('says where and when each price was read', () => {
    expect(PRICES.asOf).toMatch(/^\d{4}-\d\d$/);
    for (const price of Object.values(PRICES)) if (typeof price === 'object') expect(price.source).toMatch(/^https:\/\/aws\.amazon\.com\//);
  });
});

describe('what a run uses', () => {
  test('has the load of a sub-workflow’s large result among the most, and not among the least', () => {
    const { workflow } = parseWorkflow(
      `name: parent
version: "1"
steps:
  - { id: sub, workflow: child, output: c }
  - { id: each, foreach: "{{ .input.list }}", output: all, steps: [{ id: again, workflow: child }] }
  - { id: last, workflow: child }
output: { c: "{{ .c }}", all: "{{ .all }}" }
`,
      { file: 'parent.yaml' },
    );
    if (!workflow) throw new Error('the file has errors');
    const { stats } = compile(workflow);

    expect(stats.perItem).toEqual({ each: { min: 1, max: 2 } });
    expect(runUse(workflow, stats, 3)).toMatchObject({ transitions: { min: 4 + 3, max: 5 + 6 }, calls: { min: 0, max: 1 + 3 } });
    expect(runUse(workflow, stats, null)).toMatchObject({ transitions: { min: 4, max: null }, calls: { min: 0, max: null } });
  });
});
