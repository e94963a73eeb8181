import { describe, expect, test } from 'vitest';
import { conditionCode, expressionCode, type Scope } from '../../shared/compiler/expression/index.ts';
import type { Expr } from '../../shared/workflow/model.ts';
import { bin, cond, fn, list, lit, obj, path, un } from '../support/expressions.ts';
import { jsonataDepth } from '../support/jsonata-depth.ts';

const scope: Scope = { root: (one) => ({ code: `$${one.root}`, steps: one.steps }), uuid: () => "'u'" };

/** `wrap` around a path, `times` over: the parser allows 40 levels, and 600 nodes in all. */
function nested(times: number, wrap: (inner: Expr) => Expr): Expr {
  let one: Expr = path('a', 'x');
  for (let i = 0; i < times; i++) one = wrap(one);
  return one;
}

const many = Array.from({ length: 300 }, () => path('a', 'x'));

const DEEP: [string, Expr][] = [
  ['coalesce', nested(40, (one) => fn('coalesce', path('a'), path('b'), path('c'), one))],
  ['coalesce of many', fn('coalesce', ...many)],
  ['default of default', nested(40, (one) => fn('default', one, path('a')))],
  ['default to default', nested(40, (one) => fn('default', path('a', 'x'), one))],
  ['functions of a text', nested(40, (one) => fn('upper', fn('trim', one)))],
  ['first of first', nested(40, (one) => fn('first', one))],
  ['pluck of pluck', nested(40, (one) => fn('pluck', one, lit('a.b.c')))],
  ['merge', nested(40, (one) => fn('merge', path('a'), path('b'), one))],
  ['merge of many', fn('merge', ...many)],
  ['index in index', nested(40, (one) => path('a', one))],
  ['index after index', path('a', ...Array.from({ length: 40 }, () => lit(0)))],
  ['names', path('a', ...Array.from({ length: 90 }, () => 'x'))],
  ['lists', nested(40, (one) => list(one, path('a')))],
  ['objects', nested(40, (one) => obj(['a', one]))],
  ['not', nested(40, (one) => un('!', one))],
  ['minus', nested(40, (one) => un('-', one))],
  ['conditions in else', nested(40, (one) => cond(path('a'), path('b'), one))],
  ['conditions in then', nested(40, (one) => cond(path('a'), one, path('b')))],
  ['conditions of conditions', nested(40, (one) => cond(one, path('a'), path('b')))],
  ['equality', nested(40, (one) => bin(one, '==', path('b')))],
  ['comparison', nested(40, (one) => bin(path('b'), '<', one))],
  ['sums to the right', nested(40, (one) => bin(path('b'), '+', one))],
  ['a row of sums', nested(300, (one) => bin(one, '+', path('b')))],
  ['a row of texts', nested(300, (one) => bin(one, '+', lit('b')))],
  ['a row of and', nested(300, (one) => bin(one, '&&', path('b')))],
  ['and in or', nested(40, (one) => bin(bin(one, '||', path('b')), '&&', path('c')))],
  [
    'everything',
    nested(20, (one) => fn('coalesce', cond(bin(path('b'), '>', lit(1)), list(lit(1)), obj(['k', path('a', one)])), fn('json', lit(1)))),
  ],
];

describe('generated JSONata', () => {
  // AWS evaluates 100 levels. The helpers at an expression's head have their own few.
  test.each(DEEP)('stays nested less than 100 deep: %s', (_name, one) => {
    expect(jsonataDepth(expressionCode(one, scope))).toBeLessThan(90);
    expect(jsonataDepth(conditionCode(one, scope))).toBeLessThan(90);
  });

  test('of a plain path is hardly longer than the path', () => {
    expect(expressionCode(path('order', 'id'), scope)).toBe('$exists($order.id)?$order.id:null');
    expect(expressionCode(path('order', 'customer', 'address'), scope)).toBe('($_1:=$order.customer.address;$exists($_1)?$_1:null)');
    expect(expressionCode(path('order'), { ...scope, root: () => ({ code: '$order', steps: [], total: true }) })).toBe('$order');
  });

  test('of usual conditions needs no helper', () => {
    expect(conditionCode(bin(path('o', 'ok'), '==', lit(true)), scope)).toBe('$o.ok=true');
    expect(conditionCode(bin(path('o', 'total'), '>', lit(100)), scope)).toBe("$type($o.total)='number' and $o.total>100");
    expect(conditionCode(bin(path('o', 'id'), '!=', lit(null)), scope)).toBe('$o.id!=null');
    expect(conditionCode(path('o', 'ok'), scope)).toBe('$o.ok and true');
    expect(conditionCode(un('!', path('o', 'ok')), scope)).toBe('$not($o.ok and true)');
    expect(expressionCode(fn('default', path('o', 'name'), lit('x')), scope)).toBe("$o.name!=null and $o.name!=''?$o.name:'x'");
  });
});
