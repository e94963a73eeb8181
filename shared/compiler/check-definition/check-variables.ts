// Variables: their names, their scopes, and that whatever is read was assigned somewhere that can be seen.
// Sources: "Passing data between states with variables" (a name may not be used in an outer and an inner scope; 80 characters; `states` is taken).

import { isJsonObject, type Json } from '../../json.ts';
import { type ExpressionSite, FUNCTIONS } from './check-expressions.ts';
import type { CheckLevel, MachineSite, Report, StateSite } from './machine.ts';

const MAX_NAME = 80;
const NAME = /^\p{ID_Start}\p{ID_Continue}*$/u;

/** Checks every `Assign` of the definition, and with level `ours` every read. */
export function checkVariables(
  machines: readonly MachineSite[],
  expressions: readonly ExpressionSite[],
  level: CheckLevel,
  report: Report,
): void {
  const assigned = new Map<MachineSite, Set<string>>();
  for (const machine of machines) {
    const names = new Set<string>();
    for (const [name, at] of machine.states.flatMap(assignments)) {
      names.add(name);
      checkName(name, at, level, report);
    }
    assigned.set(machine, names);
  }
  if (level !== 'ours') return;
  for (const machine of machines) {
    for (const [name, at] of machine.states.flatMap(assignments)) {
      if (isVisible(machine.outer, name, assigned)) report('DUPLICATE_VARIABLE_NAME', `'${name}' is already defined in a parent scope`, at);
    }
  }
  for (const { facts, at, state } of expressions) {
    for (const name of facts.reads) {
      if (FUNCTIONS.has(name) || facts.tested.has(name) || isVisible(state.machine, name, assigned)) continue;
      report('UNKNOWN_VARIABLE', `'$${name}' is assigned nowhere that can be seen from here`, at);
    }
  }
}

function checkName(name: string, at: string, level: CheckLevel, report: Report): void {
  if (name === 'states' || !NAME.test(name) || [...name].length > MAX_NAME) {
    report('SCHEMA_VALIDATION_FAILED', `'${name}' cannot be the name of a variable`, at);
  }
  // A variable would hide the function from every expression.
  if (level === 'ours' && FUNCTIONS.has(name)) report('HIDDEN_FUNCTION', `The variable '${name}' hides the function of that name`, at);
}

function isVisible(scope: MachineSite | null, name: string, assigned: ReadonlyMap<MachineSite, ReadonlySet<string>>): boolean {
  for (let machine = scope; machine !== null; machine = machine.outer) if (assigned.get(machine)?.has(name)) return true;
  return false;
}

/** Names that a state assigns, on whatever way out of it, and where. */
function assignments({ state, at }: StateSite): [name: string, at: string][] {
  const found: [string, string][] = [];
  const add = (value: Json | undefined, path: string): void => {
    if (isJsonObject(value)) for (const name of Object.keys(value)) found.push([name, `${path}/${name}`]);
  };
  add(state['Assign'], `${at}/Assign`);
  for (const list of ['Choices', 'Catch']) {
    for (const [index, rule] of (Array.isArray(state[list]) ? state[list] : []).entries()) {
      if (isJsonObject(rule)) add(rule['Assign'], `${at}/${list}/${index}/Assign`);
    }
  }
  return found;
}
