// Workflows, and what is shared by all of them.

import * as z from 'zod';
import { breakerListSchema, breakerSchema, WORKFLOW_NAME, workflowListSchema, workflowSchema } from '../../../shared/contract/index.ts';
import { defineRoutes } from '../../http/index.ts';
import { NOT_YET, NOTHING } from './answers.ts';

const WORKFLOW = '/api/v2/workflows';
const TAG = 'Workflows';
const oneWorkflow = z.object({ name: WORKFLOW_NAME });
const oneThing = z.object({ id: z.string().min(1).max(100) });

export const WORKFLOW_ROUTES = defineRoutes({
  listWorkflows: {
    method: 'GET',
    path: WORKFLOW,
    access: 'read',
    tag: TAG,
    summary: 'List workflows',
    answers: { 200: { description: 'By name. The texts are with the single ones.', schema: workflowListSchema } },
  },
  getWorkflow: {
    method: 'GET',
    path: `${WORKFLOW}/{name}`,
    access: 'read',
    tag: TAG,
    summary: 'A workflow',
    params: oneWorkflow,
    answers: { 200: { description: 'The workflow.', schema: workflowSchema } },
  },
  deployWorkflow: {
    method: 'PUT',
    path: `${WORKFLOW}/{name}`,
    access: 'operator',
    tag: TAG,
    summary: 'Deploy a workflow',
    description:
      'The body is the text of a workflow file; its `name` is the one in the path. What the compiler finds wrong is told as `details` (422). Runs in flight keep the definition that they started with. Where deploying is off it is refused (403).',
    params: oneWorkflow,
    body: {
      kind: 'text',
      types: ['application/yaml', 'text/yaml', 'text/x-yaml', 'application/x-yaml', 'text/plain'],
      description: 'A workflow file.',
    },
    answers: { 200: { description: 'It is deployed.', schema: workflowSchema } },
    refusals: ['conflict', 'unavailable'],
  },
  removeWorkflow: {
    method: 'DELETE',
    path: `${WORKFLOW}/{name}`,
    access: 'operator',
    tag: TAG,
    summary: 'Take a deployed workflow away',
    description: 'Runs in flight go on. One that was not deployed through the API is refused (409).',
    params: oneWorkflow,
    answers: { 204: { description: 'It is gone.' } },
    refusals: ['conflict', 'unavailable'],
  },
  drawWorkflow: {
    method: 'GET',
    path: `${WORKFLOW}/{name}/graph`,
    access: 'read',
    tag: TAG,
    summary: 'A workflow as a Mermaid flowchart',
    params: oneWorkflow,
    answers: { 200: { description: 'Mermaid text: the happy path down, the undo path dashed.', type: 'application/vnd.mermaid' } },
  },
  listBreakers: {
    method: 'GET',
    path: '/api/v2/breakers',
    access: 'read',
    tag: 'Breakers',
    summary: 'List circuit breakers',
    answers: { 200: { description: 'All that ever counted, by origin.', schema: breakerListSchema } },
  },
  resetBreaker: {
    method: 'POST',
    path: '/api/v2/breakers/{origin+}/reset',
    access: 'operator',
    tag: 'Breakers',
    summary: 'Close a circuit breaker by hand',
    params: z.object({ origin: z.string().regex(/^[\x21-\x7e]{1,300}$/, 'expected an origin, such as https://api.example.com') }),
    body: NOTHING,
    answers: { 200: { description: 'It is closed.', schema: breakerSchema } },
  },
  listCapabilities: {
    method: 'GET',
    path: '/api/v2/capabilities',
    access: 'read',
    tag: 'Later',
    summary: 'What can be asked for',
    ...NOT_YET,
  },
  listProviders: { method: 'GET', path: '/api/v2/providers', access: 'read', tag: 'Later', summary: 'Who provides it', ...NOT_YET },
  getProvider: {
    method: 'GET',
    path: '/api/v2/providers/{id}',
    access: 'read',
    tag: 'Later',
    summary: 'A provider, its ratings and badges',
    params: oneThing,
    ...NOT_YET,
  },
  certifyProvider: {
    method: 'POST',
    path: '/api/v2/providers/{id}/certify',
    access: 'operator',
    tag: 'Later',
    summary: 'Certify a provider',
    params: oneThing,
    body: { kind: 'json', schema: z.looseObject({}), empty: {} },
    ...NOT_YET,
  },
  getFlag: {
    method: 'GET',
    path: '/api/v2/flags/{name}',
    access: 'read',
    tag: 'Later',
    summary: 'A feature flag',
    params: z.object({ name: z.string().min(1).max(100) }),
    ...NOT_YET,
  },
  setFlag: {
    method: 'PUT',
    path: '/api/v2/flags/{name}',
    access: 'operator',
    tag: 'Later',
    summary: 'Set a feature flag',
    params: z.object({ name: z.string().min(1).max(100) }),
    body: { kind: 'json', schema: z.looseObject({}) },
    ...NOT_YET,
  },
});
