// Keys, the audit chain, events, logs, and what the service says of itself.

import * as z from 'zod';
import {
  auditQuerySchema,
  auditSchema,
  healthSchema,
  keyIdSchema,
  keyListSchema,
  keyRequestSchema,
  keySchema,
  keysQuerySchema,
  logListSchema,
  newKeySchema,
  putEventsRequestSchema,
  putEventsSchema,
} from '../../../shared/contract/index.ts';
import { defineRoutes } from '../../http/index.ts';

const KEYS = '/api/v2/keys';

export const ADMINISTRATION_ROUTES = defineRoutes({
  listKeys: {
    method: 'GET',
    path: KEYS,
    access: 'admin',
    tag: 'Keys',
    summary: 'List API keys',
    description: 'Of the own tenant; the operator may name another one.',
    query: keysQuerySchema,
    answers: { 200: { description: 'By time of making, revoked ones too.', schema: keyListSchema } },
  },
  createKey: {
    method: 'POST',
    path: KEYS,
    access: 'admin',
    tag: 'Keys',
    summary: 'Make an API key',
    description: 'For the own tenant; the operator may make keys for any. The key itself is in this answer and nowhere else.',
    body: { kind: 'json', schema: keyRequestSchema },
    answers: { 201: { description: 'The key.', schema: newKeySchema } },
  },
  revokeKey: {
    method: 'DELETE',
    path: `${KEYS}/{id}`,
    access: 'admin',
    tag: 'Keys',
    summary: 'Revoke an API key',
    description: 'From now on it opens nothing. A stream that it has opened ends within 10 minutes.',
    params: z.object({ id: keyIdSchema }),
    query: keysQuerySchema,
    answers: { 200: { description: 'The key, revoked. Twice is once.', schema: keySchema } },
  },
  readAudit: {
    method: 'GET',
    path: '/api/v2/audit',
    access: 'admin',
    tag: 'Audit',
    summary: "The tenant's receipts and signed heads",
    query: auditQuerySchema,
    answers: {
      200: { description: 'One page, chain after chain; with `verify=true` also the verdict on all of them.', schema: auditSchema },
    },
  },
  putEvents: {
    method: 'POST',
    path: '/api/v2/events',
    access: 'operator',
    tag: 'Events',
    summary: 'Put events on the bus',
    description: 'At most 10. Workflows whose triggers match are started, as runs of the tenant `default`.',
    body: { kind: 'json', schema: putEventsRequestSchema },
    answers: { 200: { description: 'Their ids, in order.', schema: putEventsSchema } },
    refusals: ['not_implemented', 'unavailable'],
  },
  readLogs: {
    method: 'GET',
    path: '/api/v2/logs',
    access: 'operator',
    tag: 'Logs',
    summary: 'Recent log entries (`maestro dev` only)',
    answers: { 200: { description: 'Oldest first.', schema: logListSchema } },
    refusals: ['not_implemented'],
  },
  readOpenApi: {
    method: 'GET',
    path: '/openapi.json',
    access: 'public',
    tag: 'Service',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: z.looseObject({ openapi: z.string() }) } },
  },
  readDocs: {
    method: 'GET',
    path: '/docs',
    access: 'public',
    tag: 'Service',
    summary: 'This document as a page',
    answers: { 200: { description: 'HTML.', type: 'text/html' } },
  },
  readHealth: {
    method: 'GET',
    path: '/healthz',
    access: 'public',
    tag: 'Service',
    summary: 'It is there, and of which version',
    answers: { 200: { description: 'It is there.', schema: healthSchema } },
  },
});
