// The environment of a function, read once, at its start: what is missing is said by name then, not by the first request that needs it.

import { ENV } from '../../shared/protocol/environment.ts';

export type Setting = keyof typeof ENV;

export type Config<Required extends Setting, Optional extends Setting> = { readonly [setting in Required]: string } & {
  readonly [setting in Optional]?: string;
};

export type Variables = { readonly [name: string]: string | undefined };

/**
 * Picks the settings that a function works with.
 * @throws Error that names every variable that is missing or empty
 */
export function readConfig<Required extends Setting, Optional extends Setting = never>(
  variables: Variables,
  required: readonly Required[],
  optional: readonly Optional[] = [],
): Config<Required, Optional> {
  const found: { [setting in Setting]?: string } = {};
  for (const setting of [...required, ...optional]) {
    const value = variables[ENV[setting]];
    if (value !== undefined && value !== '') found[setting] = value;
  }
  const missing = required.filter((setting) => found[setting] === undefined).map((setting) => ENV[setting]);
  if (missing.length > 0) {
    throw new Error(
      `environment of the function: found no ${missing.join(', ')}, expected a value for each. Deploy with the construct that sets them.`,
    );
  }
  return found as Config<Required, Optional>;
}
