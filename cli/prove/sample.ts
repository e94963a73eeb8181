// Values for a run that nobody gave an input and whose services are not there: what the templates want, and what the input's schema asks for.

import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject, setOwn } from '../../shared/json.ts';
import type { InputSchema, Workflow } from '../../shared/workflow/index.ts';
import { wantsOf } from './wants.ts';
import type { Want } from './wishes.ts';

/** Items of a list that nothing else is known of: two, so that their order shows. */
const ITEMS = 2;
/** Deep enough for any path that a person writes. */
const MAX_DEPTH = 40;

/** Plausible values of one workflow. */
export interface Samples {
  /** An input that has every path which is read, and that the schema accepts as far as the schema subset can say how. */
  input: Json;
  /** The answer of the call, checkpoint or callback whose output has this name; null where nothing reads it. */
  answer(output: string | null, label: string): Json;
}

/**
 * Works out sample values.
 * @param startMs the run's start, epoch ms: times that a run waits for are a minute later
 */
export function samplesOf(workflow: Workflow, startMs: number): Samples {
  const wants = wantsOf(workflow);
  const time = new Date(startMs + 60_000).toISOString();
  return {
    input: workflow.input ? ofSchema(workflow.input, wants.input, 'input', time, 0) : rootValue(ofWant(wants.input, 'input', time, 0)),
    answer(output, label) {
      const want = output === null ? undefined : wants.outputs.get(output);
      return want ? ofWant(want, label, time, 0) : { ok: true };
    },
  };
}

/** An input is an object, also where nothing of it is read. */
function rootValue(value: Json): Json {
  return isJsonObject(value) ? value : {};
}

/** The value of a wish. `label` names it, so that a reader sees in the calls where a value came from. */
function ofWant(want: Want, label: string, time: string, depth: number): Json {
  if (depth > MAX_DEPTH) return null;
  if (want.item) {
    const { item } = want;
    return Array.from({ length: ITEMS }, (_, i) => ofWant(item, `${label}-${i + 1}`, time, depth + 1));
  }
  if (want.fields.size > 0) {
    const object: JsonObject = {};
    for (const [name, inner] of want.fields) setOwn(object, name, ofWant(inner, `${label}-${name}`, time, depth + 1));
    return object;
  }
  if (want.exact !== undefined) return want.exact;
  switch (want.kind) {
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case 'list':
      return Array.from({ length: ITEMS }, (_, i) => `${label}-${i + 1}`);
    case 'time':
      return time;
    default:
      return label;
  }
}

function ofSchema(schema: InputSchema, want: Want | undefined, label: string, time: string, depth: number): Json {
  if (depth > MAX_DEPTH) return null;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum?.[0] !== undefined) return want?.exact !== undefined && schema.enum.includes(want.exact) ? want.exact : schema.enum[0];
  switch (schema.type ?? (schema.properties ? 'object' : undefined)) {
    case 'object':
      return objectOf(schema, want, label, time, depth);
    case 'array': {
      const length = Math.min(Math.max(schema.minItems ?? 0, ITEMS), schema.maxItems ?? Number.POSITIVE_INFINITY);
      return Array.from({ length }, (_, i) => ofSchema(schema.items ?? {}, want?.item ?? undefined, `${label}-${i + 1}`, time, depth + 1));
    }
    case 'string':
      return textOf(schema, typeof want?.exact === 'string' ? want.exact : want?.kind === 'time' ? time : label);
    case 'number':
      return numberOf(schema, typeof want?.exact === 'number' ? want.exact : 1, false);
    case 'integer':
      return numberOf(schema, typeof want?.exact === 'number' ? want.exact : 1, true);
    case 'boolean':
      return typeof want?.exact === 'boolean' ? want.exact : true;
    case 'null':
      return null;
    default:
      return schema.default ?? (want ? ofWant(want, label, time, depth + 1) : label);
  }
}

function objectOf(schema: InputSchema, want: Want | undefined, label: string, time: string, depth: number): JsonObject {
  const object: JsonObject = {};
  const names = new Set([...Object.keys(schema.properties ?? {}), ...(schema.required ?? [])]);
  if (schema.additionalProperties !== false) for (const name of want?.fields.keys() ?? []) names.add(name);
  for (const name of names) {
    const inner = schema.properties?.[name] ?? {};
    const wanted = want?.fields.get(name);
    // A default stands for what a caller usually leaves out; where a condition wants a value, the value is given.
    const value =
      inner.default !== undefined && wanted?.exact === undefined
        ? inner.default
        : ofSchema(inner, wanted, `${label}-${name}`, time, depth + 1);
    setOwn(object, name, value);
  }
  return object;
}

/** Characters that texts of a known form tend to ask for: an address, a date, a phone number, digits, capitals. */
const TEXT_CANDIDATES = [
  'someone@example.com',
  'https://example.com/a',
  '2026-01-02',
  '2026-01-02T03:04:05Z',
  '+4915112345678',
  '12345',
  'DE',
  'abc',
  'ABC-123',
  'a1',
];

function textOf(schema: InputSchema, wanted: string): string {
  const fits = (text: string): boolean => {
    if (text.length < (schema.minLength ?? 0) || text.length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) return false;
    return schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(text);
  };
  const length = Math.min(Math.max(wanted.length, schema.minLength ?? 0), schema.maxLength ?? Number.POSITIVE_INFINITY);
  const stretched = wanted.slice(0, length).padEnd(length, 'x');
  const digits = '1'.repeat(Math.max(schema.minLength ?? 0, Math.min(schema.maxLength ?? 5, 5)));
  return [stretched, ...TEXT_CANDIDATES, digits].find(fits) ?? stretched;
}

function numberOf(schema: InputSchema, wanted: number, whole: boolean): number {
  const step = whole ? 1 : 0.5;
  const least = Math.max(schema.minimum ?? Number.NEGATIVE_INFINITY, (schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY) + step);
  const most = Math.min(schema.maximum ?? Number.POSITIVE_INFINITY, (schema.exclusiveMaximum ?? Number.POSITIVE_INFINITY) - step);
  const value = Math.min(Math.max(wanted, least), most);
  return whole ? Math.ceil(value) : value;
}
