// The OpenAPI 3.1 document, made from the routes and their schemas.

import * as z from 'zod';
import { ERROR_STATUS, type ErrorCode, errorSchema } from '../../shared/contract/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { Access, RouteDefinition } from '../http/index.ts';
import { ROUTES } from './routes/index.ts';

const JSON_TYPE = 'application/json';
/** As it is sent: answers may get further fields. A format says it all; its pattern is only for validators without formats. */
const JSON_SCHEMA = {
  io: 'input',
  unrepresentable: 'any',
  override: ({ jsonSchema }) => {
    if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  },
} as const satisfies Parameters<typeof z.toJSONSchema>[1];
const COMPONENTS = '#/components/schemas/';

const ACCESS: { readonly [access in Access]: string } = {
  public: 'Open to anybody.',
  token: 'The token in the path is the permission.',
  read: 'Any API key: every scope includes reading.',
  run: 'Scope: `run` or `admin`.',
  admin: 'Scope: `admin`.',
  operator: 'Scope: `admin`, of a key of the tenant `default`: it concerns all tenants.',
  legacy: 'Only callers on the same machine (`maestro dev`), or IAM callers on AWS.',
};

const REFUSALS: { readonly [code in ErrorCode]: string } = {
  bad_request: 'The path, a header or the body is malformed.',
  unauthorized: 'There is no API key, or it is not known, expired or revoked.',
  over_budget: 'It would cost more than it may.',
  forbidden: 'The key has not the scope that it takes.',
  not_found: 'It does not exist, or belongs to another tenant.',
  method_not_allowed: 'The path is there for other methods.',
  conflict: 'It is not in a state for that, or the idempotency key was used for another request.',
  gone: 'It has expired.',
  too_large: 'The body has more than 1 MB.',
  unsupported_media_type: 'The body is of another type than expected.',
  invalid: 'A parameter or the body does not fit its schema: `details` says what and where.',
  rate_limited: 'Too many requests: `Retry-After` says when to try again.',
  internal: 'A fault of the service.',
  not_implemented: 'Not in this version, or not here.',
  unavailable: 'The service is busy: `Retry-After` says when to try again.',
};

const INFO = `Maestro runs workflows and undoes what was done when one fails.

Every request but those to this document, \`/docs\`, \`/healthz\` and callbacks needs an API key, as \`Authorization: Bearer mk_…\` or \`x-api-key\`. A key belongs to a tenant and has scopes: \`admin\` includes \`run\`, \`run\` includes \`read\`. What belongs to another tenant does not exist. On AWS the same paths below \`/svc\` are for signed requests (IAM), which have all scopes; \`x-maestro-tenant\` names their tenant.

Every refusal has the shape of \`Error\`. Times are ISO 8601 in UTC. A path that is there for other methods is answered with 405 and \`Allow\`.`;

/**
 * Makes the document.
 * @param version of the service
 * @param base what stands before the paths, without a slash at its end: a stage, or nothing
 */
export function openApiDocument(version: string, base = ''): JsonObject {
  return { ...documentOf(version), servers: [{ url: base === '' ? '/' : base }] };
}

let made: { version: string; document: JsonObject } | undefined;

function documentOf(version: string): JsonObject {
  if (made?.version !== version) made = { version, document: make(version) };
  return made.document;
}

function make(version: string): JsonObject {
  const schemas = new Schemas();
  const error = schemas.of(errorSchema);
  const paths: { [path: string]: JsonObject } = {};
  for (const [operationId, route] of Object.entries<RouteDefinition>(ROUTES)) {
    const path = route.path.replace('+}', '}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(operationId, route, schemas) };
  }
  const responses = Object.fromEntries(
    Object.entries(REFUSALS).map(([code, description]) => [code, { description, content: { [JSON_TYPE]: { schema: error } } }]),
  );
  return {
    openapi: '3.1.0',
    info: { title: 'Maestro', version, description: INFO, license: { name: 'MIT', identifier: 'MIT' } },
    tags: [...new Set(Object.values<RouteDefinition>(ROUTES).map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.all,
      responses,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key, mk_….' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'An API key, mk_….' },
      },
    },
  };
}

function operation(operationId: string, route: RouteDefinition, schemas: Schemas): JsonObject {
  const keyed = route.access !== 'public' && route.access !== 'token' && route.access !== 'legacy';
  const parameters = [
    ...parametersOf('path', route.params, schemas),
    ...parametersOf('query', route.query, schemas),
    ...Object.entries(route.headers ?? {}).map(([name, { description, schema }]) => ({
      name,
      in: 'header',
      description,
      schema: schemas.of(schema),
    })),
  ];
  return {
    operationId,
    tags: [route.tag],
    summary: route.summary,
    description: [route.description, ACCESS[route.access]].filter((text) => text !== undefined).join('\n\n'),
    ...(route.deprecated ? { deprecated: true } : {}),
    security: keyed ? [{ bearer: [] }, { apiKey: [] }] : [],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: bodyOf(route.body, schemas) } : {}),
    responses: responsesOf(route, schemas),
  };
}

function parametersOf(place: 'path' | 'query', schema: z.ZodObject | undefined, schemas: Schemas): JsonObject[] {
  const required = schema ? (z.toJSONSchema(schema, JSON_SCHEMA).required ?? []) : [];
  return Object.entries<z.ZodType>(schema?.shape ?? {}).map(([name, of]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: schemas.of(of),
  }));
}

function bodyOf(body: NonNullable<RouteDefinition['body']>, schemas: Schemas): JsonObject {
  if (body.kind === 'json') return { required: body.empty === undefined, content: { [JSON_TYPE]: { schema: schemas.of(body.schema) } } };
  const content = Object.fromEntries(body.types.map((type) => [type, { schema: { type: 'string' } }]));
  return { required: true, description: body.description, content };
}

function responsesOf(route: RouteDefinition, schemas: Schemas): JsonObject {
  const responses: JsonObject = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    const content: JsonObject = {};
    if (answer.schema) content[answer.type ?? JSON_TYPE] = { schema: schemas.of(answer.schema) };
    else if (answer.type) content[answer.type] = { schema: { type: 'string' } };
    if (answer.event) {
      const description = `Server-sent events: the \`data\` of each is ${schemas.nameOf(answer.event)} as JSON.`;
      content['text/event-stream'] = { schema: { type: 'string', description } };
    }
    responses[status] = { description: answer.description, ...(Object.keys(content).length > 0 ? { content } : {}) };
  }
  for (const code of refusalsOf(route)) responses[ERROR_STATUS[code]] = { $ref: `#/components/responses/${code}` };
  responses['default'] = { $ref: '#/components/responses/internal' };
  return responses;
}

/** The refusals that the pipeline gives, and the route's own. */
function refusalsOf({ access, params, body, refusals = [] }: RouteDefinition): Set<ErrorCode> {
  const codes = new Set<ErrorCode>(['bad_request', ...refusals]);
  if (access !== 'public') codes.add('invalid');
  if (access === 'legacy') codes.add('forbidden');
  else if (access !== 'public' && access !== 'token')
    for (const code of ['unauthorized', 'forbidden', 'rate_limited'] as const) codes.add(code);
  if (params) codes.add('not_found');
  if (body) for (const code of ['too_large', 'unsupported_media_type'] as const) codes.add(code);
  return codes;
}

/** JSON Schemas of zod schemas; those with an id are components. */
class Schemas {
  readonly all: JsonObject = {};

  of(schema: z.ZodType): Json {
    const { $schema: _, $defs, ...own } = z.toJSONSchema(schema, JSON_SCHEMA);
    for (const [name, definition] of Object.entries($defs ?? {})) this.all[name] = refer(definition as Json);
    return refer(own as Json);
  }

  /** A component's name. */
  nameOf(schema: z.ZodType): string {
    this.of(schema);
    return schema.meta()?.id ?? 'one';
  }
}

/** References into the document instead of the schema itself. */
function refer(value: Json): Json {
  if (Array.isArray(value)) return value.map(refer);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? inner.replace('#/$defs/', COMPONENTS) : refer(inner),
    ]),
  );
}
