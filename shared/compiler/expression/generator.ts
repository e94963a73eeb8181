// One expression in the making: its inner variables and the helper functions that it turned out to need.

import type { Expr, PathStep } from '../../workflow/model.ts';
import type { Code, Names } from './code.ts';
import { HELPERS, type HelperName, isHelperName } from './helpers.ts';

/** Where an expression stands: how the author's names are read there. */
export interface Scope {
  /**
   * How a path's beginning is read: JSONata code, which may be undefined at run time unless `total`, and the steps that are left to apply.
   * The code is a variable, a path, a literal or something in parentheses, and uses no variable named `_` and digits.
   */
  root(path: Extract<Expr, { kind: 'path' }>): { code: string; steps: PathStep[]; total?: boolean };
  /** Code for `uuid()`: a text, fixed per run and place. */
  uuid(): string;
}

export interface Generator extends Names {
  readonly scope: Scope;
  /** The variable of a helper function; the expression defines it at its head. */
  helper(name: HelperName): string;
  /** Code of an expression's value; it may be missing. */
  value(expr: Expr): Code;
  /** Code that counts as the expression's truth wherever JSONata casts to boolean (`and`, `or`, `?:`); it may be missing for false. */
  truth(expr: Expr): Code;
}

/** The part of a generator that does not know the language. */
export interface Definitions extends Names {
  helper(name: HelperName): string;
  /** Computes `code` at the head of the expression and gives its variable. */
  hoist(code: string): string;
  /** The expression: definitions, then `body`. */
  finish(body: string): string;
}

export function createDefinitions(): Definitions {
  let count = 0;
  const fresh = (): string => `$_${++count}`;
  const helpers = new Map<HelperName, string>();
  const definitions: string[] = [];
  const helper = (name: string): string => {
    if (!isHelperName(name)) throw new Error(`shared/compiler/expression: no helper is called "${name}"`);
    const known = helpers.get(name);
    if (known !== undefined) return known;
    const variable = fresh();
    helpers.set(name, variable);
    definitions.push(`${variable}:=${HELPERS[name](helper)}`);
    return variable;
  };
  const hoist = (code: string): string => {
    const variable = fresh();
    definitions.push(`${variable}:=${code}`);
    return variable;
  };
  return { fresh, helper, hoist, finish: (body) => (definitions.length === 0 ? body : `(${definitions.join(';')};${body})`) };
}
