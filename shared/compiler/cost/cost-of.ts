// Prices one run of a workflow, as a Standard and as an Express execution, and says which is cheaper.

import { PRICES, type Price, type PriceTable } from './prices.ts';

/** The least and the most; `max` is null where only the data of a run decides. */
export interface Range {
  min: number;
  max: number | null;
}

/** What a run uses. */
export interface RunUse {
  /** Transitions of the run as a Standard execution. */
  transitions: Range;
  /** Lambda invocations: one per step that the step function or the checkpoint function performs. */
  calls: Range;
  /** Whether the workflow may run as Express. Default true. */
  expressAllowed?: boolean;
  /** Time between the start and the end of the run, in ms. Default: the calls one after the other. */
  durationMs?: Range;
  /** What is taken for granted, where it differs from `ASSUMPTIONS`. */
  assume?: Partial<Assumptions>;
}

export interface Assumptions {
  /** Billed time of one invocation, in ms: the service's answer included. */
  callMs: number;
  /** Memory of the step function, in MB. */
  lambdaMb: number;
  /** DynamoDB write request units of one call: its start, its end, and two events. */
  writesPerCall: number;
  /** DynamoDB read request units of one call: control record, breaker and record in one batch. */
  readsPerCall: number;
  /** Writes of a run besides its calls: run record and status events. */
  writesPerRun: number;
  /** Memory that an Express execution is billed for, in MB: at least one unit of 64. */
  expressMb: number;
}

export const ASSUMPTIONS: Assumptions = { callMs: 100, lambdaMb: 512, writesPerCall: 4, readsPerCall: 1.5, writesPerRun: 4, expressMb: 64 };

/** US dollars of one run, by service. */
export interface Bill {
  stepFunctions: Range;
  lambda: Range;
  dynamodb: Range;
  perRun: Range;
  perMillion: Range;
}

export interface Cost {
  currency: 'USD';
  region: string;
  asOf: string;
  assumptions: Assumptions;
  standard: Bill;
  /** null where the workflow may not run as Express. */
  express: Bill | null;
  /** `depends` where the one is cheaper for small runs and the other for large ones. */
  cheaper: 'standard' | 'express' | 'depends';
}

/** Express is billed by 100 ms and by 64 MB. */
const EXPRESS_STEP_MS = 100;
const EXPRESS_STEP_MB = 64;

/** An Express run ends with one more call, which records the end. */
const EXPRESS_END_CALLS = 1;

/**
 * What one run costs, and a million of them. Free tiers, logs and data transfer are not in it.
 *
 * @param use what the run uses; see `RunUse` for units
 * @param prices another table, for another region
 */
export function costOf(use: RunUse, prices: PriceTable = PRICES): Cost {
  const assumptions = { ...ASSUMPTIONS, ...use.assume };
  const standard = bill(times(use.transitions, rate(prices.standardTransition)), use.calls, assumptions, prices);
  const express = use.expressAllowed === false ? null : expressBill(use, assumptions, prices);
  return {
    currency: 'USD',
    region: prices.region,
    asOf: prices.asOf,
    assumptions,
    standard,
    express,
    cheaper: express === null ? 'standard' : cheaper(standard.perRun, express.perRun),
  };
}

function expressBill(use: RunUse, assumptions: Assumptions, prices: PriceTable): Bill {
  const duration = use.durationMs ?? times(use.calls, assumptions.callMs);
  const gb = roundUp(assumptions.expressMb, EXPRESS_STEP_MB) / 1_024;
  const gbSeconds = each(duration, (ms) => (roundUp(Math.max(ms, 1), EXPRESS_STEP_MS) / 1_000) * gb);
  const execution = each(gbSeconds, (amount) => rate(prices.expressRequest) + amount * rate(prices.expressGbSecond));
  const calls = each(use.calls, (count) => count + EXPRESS_END_CALLS);
  return bill(execution, calls, assumptions, prices);
}

function bill(stepFunctions: Range, calls: Range, assumptions: Assumptions, prices: PriceTable): Bill {
  const gbSecondsPerCall = (assumptions.callMs / 1_000) * (assumptions.lambdaMb / 1_024);
  const lambda = times(calls, rate(prices.lambdaRequest) + gbSecondsPerCall * rate(prices.lambdaGbSecond));
  const dynamodb = each(
    calls,
    (count) =>
      (count * assumptions.writesPerCall + assumptions.writesPerRun) * rate(prices.dynamodbWrite) +
      count * assumptions.readsPerCall * rate(prices.dynamodbRead),
  );
  const perRun = sum([stepFunctions, lambda, dynamodb]);
  return { stepFunctions, lambda, dynamodb, perRun, perMillion: times(perRun, 1_000_000) };
}

function cheaper(standard: Range, express: Range): Cost['cheaper'] {
  const most = standard.max === null || express.max === null ? null : standard.max - express.max;
  const least = standard.min - express.min;
  if (most === null) return 'depends';
  if (least >= 0 && most >= 0) return 'express';
  return least <= 0 && most <= 0 ? 'standard' : 'depends';
}

function rate(price: Price): number {
  return price.usd / price.per;
}

function each(range: Range, change: (value: number) => number): Range {
  return { min: change(range.min), max: range.max === null ? null : change(range.max) };
}

function times(range: Range, factor: number): Range {
  return each(range, (value) => value * factor);
}

function sum(ranges: readonly Range[]): Range {
  return ranges.reduce(
    (total, one) => ({ min: total.min + one.min, max: total.max === null || one.max === null ? null : total.max + one.max }),
    {
      min: 0,
      max: 0,
    },
  );
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
