// The client: one object per group of routes.

import { createOrchestrate, type Orchestrate } from './orchestrate.ts';
import { pagesOf } from './pages.ts';
import { API, workflowPath } from './paths.ts';
import { type Platform, systemPlatform } from './platform.ts';
import { type CallOptions, createTransport, type Fetch, type Transport } from './transport.ts';
import type {
  Audit,
  AuditVerdict,
  Breaker,
  BreakerList,
  EventsPut,
  Health,
  Key,
  KeyList,
  KeyRequest,
  NewEvent,
  NewKey,
  Receipt,
  Workflow,
  WorkflowList,
} from './types.ts';

/** A sync run is answered after 25 s at the latest; this leaves room for the way. */
const TIMEOUT_MS = 60_000;
const RETRIES = 4;
/** With growing pauses, some 40 s: longer than a service takes to be started again. */
const STREAM_RETRIES = 8;

export interface MaestroOptions {
  /** Of the service, such as `http://127.0.0.1:8080`; a path at its end (a stage of API Gateway) is kept. */
  baseUrl: string;
  /** `mk_…`. Left out: requests carry no key, and `fetch` signs them. */
  apiKey?: string;
  /** Default: the platform's. */
  fetch?: Fetch;
  /** For one attempt, ms. Default 60 000. */
  timeoutMs?: number;
  /** How often a request is sent again at most. Default 4. */
  retries?: number;
  /** How often in a row a stream that was cut is taken up in vain. Default 8, which is some 40 s. */
  streamRetries?: number;
  /** Time and chance; for tests. */
  platform?: Platform;
}

export interface Workflows {
  list(options?: CallOptions): Promise<WorkflowList>;
  get(name: string, options?: CallOptions): Promise<Workflow>;
  /** Deploys the text of a workflow file. @throws MaestroError `invalid` with the compiler's diagnostics as details */
  deploy(name: string, yaml: string, options?: CallOptions): Promise<Workflow>;
  /** Takes a deployed workflow away; runs in flight go on. */
  remove(name: string, options?: CallOptions): Promise<void>;
  /** The workflow as a Mermaid flowchart. */
  graph(name: string, options?: CallOptions): Promise<string>;
}

export interface OfTenant {
  tenant?: string;
}

export interface Keys {
  /** The key's text is in this answer and nowhere else. */
  create(request: KeyRequest, options?: CallOptions): Promise<NewKey>;
  /** By time of making, revoked ones too. @param options.tenant another than the caller's own: for the operator */
  list(options?: CallOptions & OfTenant): Promise<KeyList>;
  revoke(id: string, options?: CallOptions & OfTenant): Promise<Key>;
}

export interface AuditLog {
  /** One page of receipts and the signed heads. */
  list(query?: { limit?: number; cursor?: string }, options?: CallOptions): Promise<Audit>;
  listAll(query?: { limit?: number }, options?: CallOptions): AsyncGenerator<Receipt, void>;
  /** Walks every chain, on the service. */
  verify(options?: CallOptions): Promise<AuditVerdict>;
}

export interface Events {
  /** Puts up to ten events on the bus. */
  put(events: NewEvent | NewEvent[], options?: CallOptions): Promise<EventsPut>;
}

export interface Breakers {
  list(options?: CallOptions): Promise<BreakerList>;
  /** Closes a breaker by hand. */
  reset(origin: string, options?: CallOptions): Promise<Breaker>;
}

/**
 * A client of a Maestro service, in browsers and in Node.
 *
 * @example
 * const maestro = new Maestro({ baseUrl: 'http://127.0.0.1:8080', apiKey: 'mk_…' });
 * for await (const event of maestro.orchestrate.run({ workflow: 'order', input: { id: 'A-1' }, stream: true })) console.log(event.type);
 */
export class Maestro {
  readonly orchestrate: Orchestrate;
  readonly workflows: Workflows;
  readonly keys: Keys;
  readonly audit: AuditLog;
  readonly events: Events;
  readonly breakers: Breakers;
  /** Is it there, and of which version? Needs no key. */
  readonly health: (options?: CallOptions) => Promise<Health>;

  /** @throws TypeError for a base URL or a key that cannot be one */
  constructor(options: MaestroOptions) {
    const transport = createTransport({
      baseUrl: checkedUrl(options.baseUrl),
      apiKey: checkedKey(options.apiKey),
      fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      retries: options.retries ?? RETRIES,
      streamRetries: options.streamRetries ?? STREAM_RETRIES,
      platform: options.platform ?? systemPlatform,
    });
    this.orchestrate = createOrchestrate(transport);
    this.workflows = createWorkflows(transport);
    this.keys = createKeys(transport);
    this.audit = createAudit(transport);
    this.events = {
      put: (events, callOptions) => {
        const body = Array.isArray(events) ? { events } : events;
        return transport.json({ method: 'POST', path: `${API}/events`, body, repeatable: false }, callOptions);
      },
    };
    this.breakers = createBreakers(transport);
    this.health = (callOptions) => transport.json({ method: 'GET', path: '/healthz', repeatable: true }, callOptions);
  }
}

function createWorkflows(transport: Transport): Workflows {
  return {
    list: (options) => transport.json({ method: 'GET', path: `${API}/workflows`, repeatable: true }, options),
    get: (name, options) => transport.json({ method: 'GET', path: workflowPath(name), repeatable: true }, options),
    deploy: (name, body, options) =>
      transport.json({ method: 'PUT', path: workflowPath(name), text: { body, type: 'application/yaml' }, repeatable: true }, options),
    // Removed twice is 404: after an answer that was lost it would be wrong.
    remove: async (name, options) => {
      await transport.text({ method: 'DELETE', path: workflowPath(name), repeatable: false }, options);
    },
    graph: (name, options) => transport.text({ method: 'GET', path: `${workflowPath(name)}/graph`, repeatable: true }, options),
  };
}

function createKeys(transport: Transport): Keys {
  const path = `${API}/keys`;
  return {
    create: (body, options) => transport.json({ method: 'POST', path, body, repeatable: false }, options),
    list: ({ tenant, ...options } = {}) => transport.json({ method: 'GET', path, query: { tenant }, repeatable: true }, options),
    revoke: (id, { tenant, ...options } = {}) =>
      transport.json({ method: 'DELETE', path: `${path}/${encodeURIComponent(id)}`, query: { tenant }, repeatable: true }, options),
  };
}

function createAudit(transport: Transport): AuditLog {
  const get = (query: { limit?: number; cursor?: string; verify?: boolean }, options: CallOptions | undefined): Promise<Audit> =>
    transport.json({ method: 'GET', path: `${API}/audit`, query, repeatable: true }, options);
  return {
    list: (query = {}, options) => get(query, options),
    listAll: (query = {}, options) => pagesOf((cursor) => get({ ...query, ...cursor }, options)),
    verify: async (options) => {
      const { verdict } = await get({ verify: true, limit: 1 }, options);
      if (!verdict) throw new TypeError('audit.verify: the service answered without a verdict; is it of an older version?');
      return verdict;
    },
  };
}

function createBreakers(transport: Transport): Breakers {
  const path = `${API}/breakers`;
  return {
    list: (options) => transport.json({ method: 'GET', path, repeatable: true }, options),
    reset: (origin, options) =>
      transport.json({ method: 'POST', path: `${path}/${encodeURIComponent(origin)}/reset`, body: {}, repeatable: true }, options),
  };
}

/** Without a slash at its end. */
function checkedUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TypeError(`baseUrl: ${JSON.stringify(baseUrl)} is no http or https URL; expected one such as http://127.0.0.1:8080`);
  }
  if (url.search !== '' || url.hash !== '') throw new TypeError('baseUrl: it ends with a query or a fragment; expected the address alone');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** The key is not repeated: it is a secret even when it is wrong. */
function checkedKey(apiKey: string | undefined): string | undefined {
  if (apiKey === undefined || /^[\x21-\x7e]+$/.test(apiKey)) return apiKey;
  throw new TypeError('apiKey: it has a space, a line break or another character that no key has; expected mk_… alone');
}
