// Services and the methods that steps call on them: forms of endpoints, headers, HTTP verbs and gRPC names.

import type { CheckContext } from './check-context.ts';
import type { Compensate, Service, Span, Step, TextPart } from './model.ts';
import { MAX_HEADERS } from './schema.ts';
import { headSpan, keySpan, valueSpan } from './sources.ts';
import { didYouMean, nearest } from './suggest.ts';
import { allSteps, compensateOf } from './walk.ts';
import { childOf, entryOf } from './yaml-tree.ts';

const VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const METHOD_HINT = 'write "POST /path", "/path" (which is POST) or a bare name (which is POST /api/<name>)';
/** Headers that belong to the connection, and those that Maestro sends itself. */
const TAKEN_HEADERS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'te',
  'trailer',
  'expect',
  'idempotency-key',
  'traceparent',
  'x-maestro-run-id',
  'x-maestro-step-id',
  'x-maestro-callback-url',
]);
const GRPC_NAME = /^[A-Za-z_]\w*$/;
const GRPC_NATIVE = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\/[A-Za-z_]\w*$/;

/** Checks every service and every use of one. */
export function checkServices(context: CheckContext): void {
  const { workflow, sources, reporter, root } = context;
  const used = new Set<string>();
  for (const step of allSteps(workflow)) {
    const compensate = compensateOf(step);
    if (step.kind === 'call') checkUse(context, step, step, used);
    if (compensate === null) continue;
    if (compensate.service === '' && step.kind !== 'call') {
      reporter.report(
        'MST2201',
        headSpan(sources, compensate),
        `a step of kind ${step.kind} has no service of its own, so its undo must name one`,
        'add "service: …" to `compensate`',
      );
    } else if (compensate.service !== '') checkUse(context, step, compensate, used);
  }
  for (const service of Object.values(workflow.services)) {
    checkService(context, service);
    if (service.name === '__proto__')
      reporter.report('MST1105', headSpan(sources, service), '"__proto__" cannot be the name of a service', 'choose another name');
    if (used.has(service.name)) continue;
    const span = entryOf(childOf(root, 'services'), service.name)?.keySpan ?? service.span;
    reporter.report('MST2020', span, `no step calls the service "${service.name}"`, 'remove it, or name it in a step');
  }
}

function checkUse(context: CheckContext, step: Step, use: (Step & { kind: 'call' }) | Compensate, used: Set<string>): void {
  const { workflow, sources, reporter } = context;
  const service = workflow.services[use.service];
  if (service === undefined) {
    if (use.service === '') return;
    // An undo that takes over its step's unknown service is not told a second time.
    if (use !== step && step.kind === 'call' && step.service === use.service) return;
    const names = Object.keys(workflow.services);
    const hint =
      didYouMean(use.service, names) ??
      (names.length > 0
        ? `the services are: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`
        : 'declare it under `services`');
    reporter.report(
      'MST2008',
      valueSpan(sources, use, 'service'),
      `step "${step.id}" calls the service "${use.service}", which is not declared`,
      hint,
    );
    return;
  }
  used.add(service.name);
  const entry = entryOf(sources.get(use) ?? null, 'method');
  if (use.method === null || entry === null) {
    if (service.type !== 'lambda')
      reporter.report(
        'MST2105',
        headSpan(sources, use),
        `a call of "${service.name}" (${service.type}) needs a \`method\``,
        service.type === 'http' ? METHOD_HINT : 'add the name of the gRPC method',
      );
    return;
  }
  const written = entry.value.kind === 'scalar' && typeof entry.value.value === 'string' ? entry.value.value : '';
  if (service.type === 'http') checkHttpMethod(context, written, use.method.text, entry.value.span);
  if (service.type === 'grpc') checkGrpcMethod(context, use.method.text, service, entry.value.span);
}

function checkHttpMethod({ reporter }: CheckContext, written: string, parts: readonly TextPart[], span: Span): void {
  const verb = /^([A-Za-z]+)[ \t]+\//.exec(written)?.[1];
  if (verb !== undefined && !VERBS.includes(verb)) {
    const near = VERBS.includes(verb.toUpperCase()) ? verb.toUpperCase() : nearest(verb, VERBS);
    reporter.report(
      'MST2102',
      span,
      `"${verb}" is not an HTTP verb`,
      near === null ? `the verbs are ${VERBS.join(', ')}` : `did you mean "${near}"?`,
    );
    return;
  }
  const isBare = /^[A-Za-z][A-Za-z0-9_.-]*$/.test(written);
  if ((verb === undefined && !written.startsWith('/') && !isBare) || (isBare && VERBS.includes(written.toUpperCase()))) {
    const hint = written.includes('://') ? `the host belongs to the service's endpoint; ${METHOD_HINT}` : METHOD_HINT;
    reporter.report('MST2101', span, 'the method is neither "VERB /path" nor "/path" nor a bare name', hint);
    return;
  }
  const fault = pathFault(parts);
  if (fault !== null)
    reporter.report('MST2101', span, `the path ${fault}`, 'percent-encode what has a meaning of its own, or pass it as a template');
}

/** What is wrong with the literal text of a path; templates are checked when they are resolved. */
function pathFault(parts: readonly TextPart[]): string | null {
  const text = placeholderText(parts);
  if (/[\s\p{Cc}]/u.test(text)) return 'holds white space or a control character';
  if (text.includes('#')) return 'holds a fragment (#), which is never sent';
  const [path = ''] = text.split('?');
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) return 'holds a "." or ".." segment';
  return null;
}

function checkGrpcMethod({ reporter }: CheckContext, parts: readonly TextPart[], service: Service, span: Span): void {
  const text = placeholderText(parts);
  if (GRPC_NATIVE.test(text)) {
    if (service.schema === null) {
      reporter.report(
        'MST2104',
        span,
        `"${text}" is a native gRPC call, and service "${service.name}" does not say where its types are`,
        'add `proto: ./file.proto` or `reflection: true` to the service',
      );
    }
  } else if (!GRPC_NAME.test(text)) {
    const what = text.split('/').some((part) => part === '' || part.startsWith('.') || part.endsWith('.'))
      ? 'has an empty part'
      : 'is no gRPC name';
    reporter.report('MST2103', span, `the method ${what}`, 'write a bare name, or package.Service/Method');
  }
}

/** Parts as one text, with a letter in place of each template. */
function placeholderText(parts: readonly TextPart[]): string {
  return parts.map((part) => (typeof part === 'string' ? part : 'x')).join('');
}

function checkService(context: CheckContext, service: Service): void {
  const { sources, reporter } = context;
  const wrong = (key: string, expected: string): void => {
    if (entryOf(sources.get(service) ?? null, key) !== null)
      reporter.report('MST2106', keySpan(sources, service, key), `"${key}" has no meaning for a service of type ${service.type}`, expected);
  };
  if (service.type === 'grpc') wrong('headers', 'for gRPC it is called `metadata`');
  else {
    wrong('metadata', 'it is called `headers` here');
    for (const key of ['tls', 'proto', 'reflection'])
      wrong(key, key === 'tls' ? 'an http endpoint that begins with https:// is encrypted' : 'it belongs to gRPC services');
  }
  if (service.type === 'grpc' && service.schema?.kind === 'proto' && entryOf(sources.get(service) ?? null, 'reflection') !== null) {
    wrong('reflection', 'types come from `proto` or from `reflection`: keep one of the two');
  }
  checkEndpoint(context, service);
  checkHeaders(context, service);
  checkRetryOrder(context, service);
}

/** A longest pause below the first contradicts itself. For services, steps and undos. */
export function checkRetryOrder({ sources, reporter }: CheckContext, part: { span: Span }): void {
  const node = childOf(sources.get(part) ?? null, 'retry');
  const retry = 'retry' in part ? part.retry : null;
  if (node === null || typeof retry !== 'object' || retry === null || !('initialMs' in retry) || !('maxMs' in retry)) return;
  const max = childOf(node, 'max');
  if (max !== null && Number(retry.initialMs) > Number(retry.maxMs)) {
    reporter.report(
      'MST2213',
      max.span,
      'the longest pause (`max`) is shorter than the first (`initial`)',
      'raise `max` or lower `initial`',
    );
  }
}

function checkEndpoint({ sources, reporter }: CheckContext, service: Service): void {
  const span = valueSpan(sources, service, 'endpoint');
  let written = '';
  for (const part of service.endpoint) {
    if (typeof part === 'string') {
      written += part;
      continue;
    }
    const inHost = service.type !== 'http' || !/^(?:https?:\/\/)?[^/:]+(?::[^/]*)?\//.test(written.replace(/^https?:\/\/$/, ''));
    if (inHost && part.kind !== 'env' && part.kind !== 'secret' && service.allowHosts.length === 0) {
      reporter.report(
        'MST2108',
        part.span,
        `a template fills the host of service "${service.name}"`,
        'list the hosts that it may become in `allow_hosts`, or take it from env. or secret.',
      );
    }
    written += 'x';
  }
  if (service.endpoint.every((part) => typeof part === 'string') && written !== '') {
    const fault = endpointFault(service.type, written);
    if (fault !== null) reporter.report('MST2107', span, fault.message, fault.hint);
  }
}

function endpointFault(type: Service['type'], text: string): { message: string; hint: string } | null {
  if (type === 'lambda') {
    const fits =
      /^[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9$_-]{1,128})?$/.test(text) ||
      /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9$_-]{1,128})?$/.test(text);
    return fits
      ? null
      : {
          message: 'the endpoint is neither the name nor the ARN of a Lambda function',
          hint: 'write the function name, name:alias, or its full ARN',
        };
  }
  if (type === 'grpc') {
    const port = Number(/^(?:\[[\da-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text)?.[1] ?? 0);
    if (port >= 1 && port <= 65_535) return null;
    return {
      message: 'the endpoint of a gRPC service is host:port',
      hint: text.includes('://') ? 'leave the scheme away; `tls: true` encrypts' : 'write for example "billing:50051"',
    };
  }
  const url = /^https?:\/\/[^/]/i.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null)
    return {
      message: 'the endpoint of an http service is a URL',
      hint: 'write for example "http://billing:3000" or "https://api.example.com/v1"',
    };
  if (url.username !== '' || url.password !== '')
    return {
      message: 'the endpoint holds a user name or password',
      hint: 'put it in a header: "Authorization: Bearer {{ secret.TOKEN }}"',
    };
  return url.search === '' && url.hash === ''
    ? null
    : { message: 'the endpoint has a query or fragment', hint: 'put the query into the `method` of the step' };
}

function checkHeaders({ sources, reporter }: CheckContext, service: Service): void {
  const node = childOf(sources.get(service) ?? null, 'headers') ?? childOf(sources.get(service) ?? null, 'metadata');
  if (node?.kind !== 'map') return;
  const surplus = node.entries[MAX_HEADERS];
  if (surplus !== undefined) reporter.report('MST1109', surplus.keySpan, `a service has at most ${MAX_HEADERS} headers`);
  const seen = new Set<string>();
  for (const { key, keySpan: span, value } of node.entries.slice(0, MAX_HEADERS)) {
    const name = key.toLowerCase();
    const valid = service.type === 'grpc' ? /^[0-9a-z_.-]+$/.test(name) && !name.startsWith('grpc-') : /^[!#$%&'*+.^_`|~\w-]+$/.test(name);
    if (!valid) reporter.report('MST2109', span, `"${key.slice(0, 60)}" is not the name of a header`, 'letters, digits and - only');
    else if (TAKEN_HEADERS.has(name))
      reporter.report('MST2109', span, `the header "${key}" is set by Maestro or by the connection`, 'remove it');
    else if (seen.has(name))
      reporter.report('MST2109', span, `the header "${key}" stands here twice`, 'header names differ by more than their capitals');
    seen.add(name);
    if (value.kind === 'scalar' && typeof value.value === 'string' && /[\r\n\0]/.test(value.value)) {
      reporter.report('MST2109', value.span, `the value of "${key}" holds a line break`, 'write it on one line');
    }
  }
}
