// What AWS asks for the services a run uses. One table, dated: change numbers here and nowhere else.

/** One price: so many US dollars per so many units. */
export interface Price {
  usd: number;
  per: number;
  unit: string;
  source: string;
}

export interface PriceTable {
  region: string;
  /** Month in which the oldest row was read. Free tiers are left out: they are per account, not per run. */
  asOf: string;
  standardTransition: Price;
  expressRequest: Price;
  expressGbSecond: Price;
  lambdaRequest: Price;
  lambdaGbSecond: Price;
  dynamodbWrite: Price;
  dynamodbRead: Price;
}

const STEP_FUNCTIONS = 'https://aws.amazon.com/step-functions/pricing/';
const LAMBDA = 'https://aws.amazon.com/lambda/pricing/';
const DYNAMODB = 'https://aws.amazon.com/dynamodb/pricing/on-demand/';

export const PRICES: PriceTable = {
  region: 'us-east-1',
  asOf: '2026-03',
  /** Every state entered counts, and every retry. */
  standardTransition: { usd: 0.025, per: 1_000, unit: 'state transition', source: STEP_FUNCTIONS },
  expressRequest: { usd: 1, per: 1_000_000, unit: 'Express execution', source: STEP_FUNCTIONS },
  /** The first tier; it gets cheaper above 1,000 GB-hours a month. */
  expressGbSecond: { usd: 0.00001667, per: 1, unit: 'GB-second of Express', source: STEP_FUNCTIONS },
  lambdaRequest: { usd: 0.2, per: 1_000_000, unit: 'Lambda request', source: LAMBDA },
  lambdaGbSecond: { usd: 0.0000133334, per: 1, unit: 'GB-second of Lambda (arm64)', source: LAMBDA },
  dynamodbWrite: { usd: 0.625, per: 1_000_000, unit: 'DynamoDB write request unit', source: DYNAMODB },
  dynamodbRead: { usd: 0.125, per: 1_000_000, unit: 'DynamoDB read request unit', source: DYNAMODB },
};
