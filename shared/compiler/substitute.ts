// `${Name}` placeholders of a definition, filled in by CDK on AWS and by this function locally.

import type { JsonObject } from '../json.ts';

/** What a placeholder stands for; whoever deploys the definition grants the right and puts the ARN (or bus name) in its place. */
export interface Substitution {
  kind: 'step' | 'checkpoint' | 'bus' | 'workflow' | 'undo';
  /** The child's name, for `workflow` and `undo`. */
  workflow?: string;
}

/**
 * Fills in the placeholders the way CloudFormation's DefinitionSubstitutions does: by text, everywhere.
 * @param definition a compiled definition
 * @param values placeholder name → text
 * @returns the definition with all known placeholders replaced
 */
export function substitute(definition: JsonObject, values: { readonly [placeholder: string]: string }): JsonObject {
  const text = JSON.stringify(definition).replace(/\$\{([A-Za-z0-9]+)\}/g, (whole, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    return value === undefined ? whole : JSON.stringify(value).slice(1, -1);
  });
  return JSON.parse(text) as JsonObject;
}
