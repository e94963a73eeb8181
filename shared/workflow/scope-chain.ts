// Names in nested scopes. A scope reads through to those around it and writes its own: entering a block costs nothing, however many names there are.

export interface ScopeChain<Value> {
  /** The innermost value of a name. */
  get(name: string): Value | undefined;
  /** Sets a name in this scope; the scopes around it keep theirs. */
  set(name: string, value: Value): void;
  /** Names set in this scope itself. */
  own(): Iterable<[name: string, value: Value]>;
  /** Every visible name, innermost first. */
  names(): Iterable<string>;
}

/** A scope inside another, or the outermost one. */
export function createScope<Value>(around: ScopeChain<Value> | null = null): ScopeChain<Value> {
  const values = new Map<string, Value>();
  return {
    get: (name) => (values.has(name) ? values.get(name) : around?.get(name)),
    set: (name, value) => void values.set(name, value),
    own: () => values.entries(),
    *names() {
      yield* values.keys();
      if (around !== null) yield* around.names();
    },
  };
}
