// What an answer to a checkpoint may be. Pure: the record and the body, nothing else.

import type { ErrorDetail } from '../contract/index.ts';
import { getOwn, isJsonObject, type Json, type JsonObject, jsonProblem, setOwn } from '../json.ts';
import { type InputIssue, type InputSchema, validateInput } from '../workflow/index.ts';
import type { CheckpointRecord } from './records.ts';

/** Bytes of an answer: it stands in the state from then on, beside all else that is in there (262,144 bytes on AWS). */
const MAX_ANSWER_BYTES = 32_768;

export type Decision = 'approve' | 'edit' | 'reject' | 'respond';

export type ReadAnswer = { ok: true; decision: Decision; answer: JsonObject } | { ok: false; details: ErrorDetail[] };

/**
 * Takes a body `{decision?, …answer}` apart and checks it against what the checkpoint allows.
 *
 * Without a decision it is `respond`, or `approve` where that is not allowed, or the first that is. With `options`, an answer that is no
 * rejection names one as `option`. With `fields`, the rest fits their schema; of an approval only what it holds is looked at.
 */
export function readAnswer(checkpoint: Pick<CheckpointRecord, 'allow' | 'options' | 'fields'>, body: JsonObject): ReadAnswer {
  const size = sizeProblem(body);
  if (size !== undefined) return wrong([], size);
  const { decision: said, ...answer } = body;
  const decision = said === undefined ? defaultDecision(checkpoint.allow) : said;
  if (!isDecision(decision) || !checkpoint.allow.includes(decision))
    return wrong(['decision'], `expected ${checkpoint.allow.map((word) => `"${word}"`).join(', ')}`);
  if (decision === 'reject') return { ok: true, decision, answer };
  const details = [...checkOption(checkpoint, answer), ...checkFields(checkpoint, decision, answer)];
  return details.length > 0 ? { ok: false, details } : { ok: true, decision, answer };
}

function defaultDecision(allow: readonly string[]): string | undefined {
  return ['respond', 'approve'].find((decision) => allow.includes(decision)) ?? allow[0];
}

function isDecision(value: Json | undefined): value is Decision {
  return value === 'approve' || value === 'edit' || value === 'reject' || value === 'respond';
}

function checkOption({ options }: Pick<CheckpointRecord, 'options'>, answer: JsonObject): ErrorDetail[] {
  if (!options) return [];
  const option = getOwn(answer, 'option');
  if (options.some(({ value }) => value === option)) return [];
  const listed = options.map(({ value }) => JSON.stringify(value)).join(', ');
  return [{ path: ['option'], message: `expected one of ${listed.length > 500 ? `${listed.slice(0, 499)}…` : listed}` }];
}

function checkFields(
  { options, fields }: Pick<CheckpointRecord, 'options' | 'fields'>,
  decision: Exclude<Decision, 'reject'>,
  answer: JsonObject,
): ErrorDetail[] {
  if (!isJsonObject(fields)) return [];
  // Written by the compiler, which has checked it.
  const schema = fields as InputSchema;
  const named = options !== undefined && !Object.hasOwn(schema.properties ?? {}, 'option');
  const { required, ...lenient } = schema;
  const used = decision === 'approve' || required === undefined ? lenient : schema;
  return validateInput(used, named ? without(answer, 'option') : answer).map(issueDetail);
}

function without(object: JsonObject, name: string): JsonObject {
  const rest: JsonObject = {};
  for (const [key, value] of Object.entries(object)) if (key !== name) setOwn(rest, key, value);
  return rest;
}

/** An issue with its path as a list: `lines[0].name` is `['lines', 0, 'name']`. */
export function issueDetail({ path, message }: InputIssue): ErrorDetail {
  const parts: (string | number)[] = [];
  for (const [, name, index, quoted] of path.matchAll(/\.?([A-Za-z_]\w*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g))
    parts.push(name ?? (index === undefined ? String(JSON.parse(quoted ?? '""')) : Number(index)));
  return { path: parts, message };
}

function wrong(path: (string | number)[], message: string): ReadAnswer {
  return { ok: false, details: [{ path, message }] };
}

/** Before anything walks the body by recursion. */
function sizeProblem(body: JsonObject): string | undefined {
  const problem = jsonProblem(body);
  if (problem !== undefined) return problem;
  const bytes = Buffer.byteLength(JSON.stringify(body));
  return bytes > MAX_ANSWER_BYTES ? `has ${bytes} bytes, expected at most ${MAX_ANSWER_BYTES}` : undefined;
}
