// One thing that a demo service can do. Every operation can be reached in three ways: by its own HTTP route, by
// `POST /api/<name in lower case>`, and by its name in the gRPC envelope.

import type { Json, JsonObject } from './json.ts';
import type { World } from './world.ts';

export interface Operation {
  /** `CreateInstance`: the gRPC name; unique among all demo services. */
  name: string;
  /** `DELETE /mail/{id}`: what stands in braces becomes part of the input. */
  route: string;
  /** Does it, at once, and returns the answer. Throws `Refusal` when the input is not acceptable; then nothing has changed. */
  run(world: World, input: JsonObject): Json;
}

interface Route {
  verb: string;
  segments: string[];
  operation: Operation;
}

/** An operation and the values that its route took from the path. */
interface Found {
  operation: Operation;
  fromPath: JsonObject;
}

export interface OperationTable {
  byName(name: string): Operation | undefined;
  byRoute(verb: string, path: string): Found | undefined;
}

/** Indexes operations by name and by route. Throws when two share a name: the gRPC envelope knows nothing but names. */
export function operationTable(operations: readonly Operation[]): OperationTable {
  const names = new Map<string, Operation>();
  const routes: Route[] = [];
  for (const operation of operations) {
    if (names.has(operation.name)) throw new Error(`two demo operations are named "${operation.name}"`);
    names.set(operation.name, operation);
    routes.push(parseRoute(operation.route, operation), parseRoute(`POST /api/${operation.name.toLowerCase()}`, operation));
  }
  return {
    byName: (name) => names.get(name),
    byRoute(verb, path) {
      const given = path.split('/').slice(1);
      for (const route of routes) {
        const fromPath = route.verb === verb ? matchSegments(route.segments, given) : null;
        if (fromPath !== null) return { operation: route.operation, fromPath };
      }
      return undefined;
    },
  };
}

function parseRoute(route: string, operation: Operation): Route {
  const [verb = '', path = ''] = route.split(' ');
  return { verb, segments: path.split('/').slice(1), operation };
}

function matchSegments(pattern: readonly string[], given: readonly string[]): JsonObject | null {
  if (pattern.length !== given.length) return null;
  const values: JsonObject = {};
  for (const [index, segment] of pattern.entries()) {
    const actual = decode(given[index] ?? '');
    if (actual === null || actual === '') return null;
    if (segment.startsWith('{')) values[segment.slice(1, -1)] = actual;
    else if (segment !== actual) return null;
  }
  return values;
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
