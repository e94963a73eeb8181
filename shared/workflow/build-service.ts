// Services, retries and methods from the tree. Defaults are those of the language's design, "Service".

import { parseDuration } from './duration.ts';
import { parseTextParts } from './expression/template.ts';
import type { Breaker, Method, Retry, Service, TextPart } from './model.ts';
import type { Reporter } from './reporter.ts';
import { MAX_HEADERS } from './schema.ts';
import { childOf, entryOf, isTrue, itemsOf, numberOf, textOf, type YamlNode } from './yaml-tree.ts';

/** A service's answer is waited for this long unless it says otherwise. */
export const DEFAULT_SERVICE_TIMEOUT_MS = 30_000;
const DEFAULT_RETRY: Retry = { attempts: 1, backoff: 'exponential', initialMs: 1_000, maxMs: 30_000 };
const DEFAULT_BREAKER: Breaker = { ratio: 0.6, min: 3, windowMs: 10_000, openMs: 30_000, probes: 3 };
const DEFAULT_POOL = 5;

/** The undo's own defaults where a `compensate.retry` leaves something out. */
export const UNDO_RETRY: Retry = { attempts: 10, backoff: 'exponential', initialMs: 2_000, maxMs: 300_000 };

/** Builds one service; what is missing or wrong has its default, for the shape check has told it. */
export function buildService(name: string, node: YamlNode, reporter: Reporter): Service {
  const type = textOf(node, 'type');
  const headers = childOf(node, 'headers') ?? childOf(node, 'metadata');
  const proto = textOf(node, 'proto');
  return {
    name,
    type: type === 'grpc' || type === 'lambda' ? type : 'http',
    endpoint: partsOf(childOf(node, 'endpoint'), reporter),
    timeoutMs: durationOf(node, 'timeout') ?? DEFAULT_SERVICE_TIMEOUT_MS,
    retry: buildRetry(childOf(node, 'retry'), DEFAULT_RETRY),
    headers: headers?.kind === 'map' ? headers.entries.slice(0, MAX_HEADERS).map(({ key, value }) => [key, partsOf(value, reporter)]) : [],
    breaker: buildBreaker(childOf(node, 'breaker')),
    pool: numberOf(node, 'pool', DEFAULT_POOL),
    idempotent: isTrue(node, 'idempotent'),
    allowHosts: itemsOf(node, 'allow_hosts').flatMap((item) => (item.kind === 'scalar' ? [String(item.value)] : [])),
    tls: isTrue(node, 'tls'),
    schema: proto !== null ? { kind: 'proto', file: proto } : isTrue(node, 'reflection') ? { kind: 'reflection' } : null,
    span: node.span,
  };
}

/** A retry with what is left out taken from `defaults`. A first pause longer than the default maximum raises it. */
export function buildRetry(node: YamlNode | null, defaults: Retry): Retry {
  if (node === null) return defaults;
  const initialMs = durationOf(node, 'initial') ?? Math.min(defaults.initialMs, durationOf(node, 'max') ?? defaults.initialMs);
  const backoff = textOf(node, 'backoff');
  return {
    attempts: numberOf(node, 'attempts', defaults.attempts),
    backoff: backoff === 'constant' || backoff === 'exponential' ? backoff : defaults.backoff,
    initialMs,
    maxMs: durationOf(node, 'max') ?? Math.max(initialMs, defaults.maxMs),
  };
}

function buildBreaker(node: YamlNode | null): Breaker | null {
  if (node === null) return DEFAULT_BREAKER;
  if (node.kind !== 'map') return null;
  return {
    ratio: numberOf(node, 'ratio', DEFAULT_BREAKER.ratio),
    min: numberOf(node, 'min', DEFAULT_BREAKER.min),
    windowMs: durationOf(node, 'window') ?? DEFAULT_BREAKER.windowMs,
    openMs: durationOf(node, 'open') ?? DEFAULT_BREAKER.openMs,
    probes: numberOf(node, 'probes', DEFAULT_BREAKER.probes),
  };
}

/** The duration at a key in ms, or null where there is none that can be read. */
export function durationOf(node: YamlNode | null, key: string): number | null {
  const text = textOf(node, key);
  return text === null ? null : parseDuration(text);
}

/** The parts of a text with templates; empty where it is missing. */
export function partsOf(node: YamlNode | null, reporter: Reporter): TextPart[] {
  return node?.kind === 'scalar' ? parseTextParts(node, reporter) : [];
}

/**
 * Splits a method by the type of its service: for HTTP into verb and path, else it is taken as it stands.
 *
 * `"GET /a"` is GET; `"/a"` is POST; a bare `Name` is `POST /api/name`. What fits none of them is kept as it is and reported by `check-services`.
 */
export function buildMethod(node: YamlNode | null, key: string, type: Service['type'] | null, reporter: Reporter): Method | null {
  const entry = entryOf(node, key);
  if (entry === null) return null;
  const parts = partsOf(entry.value, reporter);
  const first = parts[0];
  if (type !== 'http' || typeof first !== 'string') return { verb: null, text: parts };
  const spaced = /^([A-Za-z]+)[ \t]+(?=\/)/.exec(first);
  if (spaced !== null) return { verb: (spaced[1] ?? '').toUpperCase(), text: [first.slice(spaced[0].length), ...parts.slice(1)] };
  if (first.startsWith('/')) return { verb: 'POST', text: parts };
  if (parts.length === 1 && /^[A-Za-z][A-Za-z0-9_.-]*$/.test(first)) return { verb: 'POST', text: [`/api/${first.toLowerCase()}`] };
  return { verb: null, text: parts };
}
