// An expression run by jsonata 2.0.6 itself. Asynchronous, because jsonata is.

import jsonata from 'jsonata';
import { expressionError, hash, parse, partition, range, seededRandom } from './aws-functions.ts';
import { isInherited, ownMember } from './own-members.ts';
import type { Env, Expression, ExpressionServices } from './types.ts';

/** Evaluations of a node in one expression. AWS stops after a second; a count gives every machine the same answer. */
const MAX_EVALUATIONS = 3_000_000;

/** Not a name that an expression can write. */
const OWN_MEMBER = 'own member';

/**
 * Compiles with jsonata.
 * @throws what jsonata throws for text that does not parse
 */
export function jsonataExpression(text: string, services: ExpressionServices): Expression {
  const compiled = jsonata(text);
  compiled.registerFunction('parse', parse);
  compiled.registerFunction('hash', hash);
  compiled.registerFunction('partition', partition);
  compiled.registerFunction('range', range);
  compiled.registerFunction('uuid', () => services.uuid());
  compiled.registerFunction('random', (seed?: number) => (typeof seed === 'number' ? seededRandom(seed) : services.random()));
  compiled.assign('eval', undefined);
  compiled.registerFunction('lookup', ownMember, '<x-s:x>');
  compiled.registerFunction(OWN_MEMBER, ownMember);
  readOwnMembers(compiled.ast());
  let evaluations = 0;
  // jsonata's own hook, called for each node that is evaluated; its type says that names are texts.
  compiled.assign(Symbol.for('jsonata.__evaluate_entry') as unknown as string, () => {
    if (++evaluations > MAX_EVALUATIONS) throw expressionError('U1001', 'Expression evaluation timeout');
  });
  return {
    text,
    fast: false,
    evaluate(env) {
      evaluations = 0;
      return compiled.evaluate(undefined, bind(env));
    },
  };
}

/**
 * jsonata reads a member with `object[name]`, which finds what JavaScript objects inherit (`constructor`, `__proto__`). Step Functions has
 * no such members, and an expression must not reach them: these names are read as own members only.
 */
function readOwnMembers(node: unknown): void {
  if (Array.isArray(node)) for (const item of node) readOwnMembers(item);
  else if (typeof node === 'object' && node !== null && !(node instanceof RegExp)) {
    for (const member of Object.values(node)) readOwnMembers(member);
    if (!('type' in node) || node.type !== 'name' || !('value' in node) || !isInherited(node.value)) return;
    const args = [
      { type: 'variable', value: '' },
      { type: 'string', value: node.value },
    ];
    Object.assign(node, { type: 'function', value: '(', procedure: { type: 'variable', value: OWN_MEMBER }, arguments: args });
  }
}

/** jsonata reads the variables with `for ... in`, so outer scopes come along. */
function bind(env: Env): { [name: string]: unknown } {
  const bindings: { [name: string]: unknown } = Object.create(null);
  bindings['millis'] = () => env.now;
  bindings['now'] = (picture?: string, zone?: string) => formatNow(env.now, picture, zone);
  for (const name in env.vars) bindings[name] = env.vars[name];
  bindings['states'] = env.states;
  return bindings;
}

function formatNow(now: number, picture?: string, zone?: string): unknown {
  if (picture === undefined && zone === undefined) return new Date(now).toISOString();
  return jsonata('$fromMillis($at, $picture, $zone)').evaluate(undefined, { at: now, picture, zone });
}
