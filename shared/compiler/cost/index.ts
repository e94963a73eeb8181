// What a run costs.

export { ASSUMPTIONS, type Assumptions, type Bill, type Cost, costOf, type Range, type RunUse } from './cost-of.ts';
export { PRICES, type Price, type PriceTable } from './prices.ts';
