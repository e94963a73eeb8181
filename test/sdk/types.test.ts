// The SDK's types are written by hand. `tsc` refuses this file when one of them is not the type of the server's schema, in either direction.

import { expect, it } from 'vitest';
import type * as z from 'zod';
import type * as sdk from '../../sdk/index.ts';
import type * as contract from '../../shared/contract/index.ts';
import { ERROR_STATUS } from '../../shared/contract/index.ts';
import type { EventType } from '../../shared/runs/index.ts';

/** True only for one and the same type: optional and nullable members, unions and readonly included. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** An interface as the plain object type that a schema gives. */
type Plain<T> = T extends (infer E)[] ? Plain<E>[] : T extends object ? (Json extends T ? T : { [K in keyof T]: Plain<T[K]> }) : T;

type Json = sdk.Json;

function same<A, B>(verdict: Same<Plain<A>, Plain<B>>): boolean {
  return verdict;
}

it('every type of the SDK is the type of the server: tsc compares them, both ways', () => {
  const compared = [
    same<sdk.Envelope, contract.Envelope>(true),
    same<sdk.Orchestration, contract.Orchestration>(true),
    same<sdk.Job, contract.Job>(true),
    same<sdk.Run, contract.Run>(true),
    same<sdk.RunMode, contract.RunMode>(true),
    same<sdk.RunList, contract.RunList>(true),
    same<sdk.Step, contract.Step>(true),
    same<sdk.Checkpoint, contract.Checkpoint>(true),
    same<sdk.Receipt, contract.Receipt>(true),
    same<sdk.Workflow, contract.WorkflowView>(true),
    same<sdk.WorkflowList, z.infer<typeof contract.workflowListSchema>>(true),
    same<sdk.Key, contract.KeyView>(true),
    same<sdk.NewKey, contract.NewKey>(true),
    same<sdk.KeyList, z.infer<typeof contract.keyListSchema>>(true),
    same<sdk.Breaker, contract.BreakerView>(true),
    same<sdk.BreakerList, z.infer<typeof contract.breakerListSchema>>(true),
    same<sdk.Audit, contract.AuditView>(true),
    same<sdk.AuditHead, contract.AuditHead>(true),
    same<sdk.AuditProblem, contract.AuditProblem>(true),
    same<sdk.EventsPut, z.infer<typeof contract.putEventsSchema>>(true),
    same<sdk.Health, z.infer<typeof contract.healthSchema>>(true),
    same<sdk.RunRequest, contract.RunRequest>(true),
    same<sdk.ListQuery, contract.ListQuery>(true),
    same<sdk.CheckpointAnswer, contract.ResolveRequest>(true),
    same<sdk.KeyRequest, contract.KeyRequest>(true),
    same<sdk.Scope, contract.Scope>(true),
    same<sdk.NewEvent, contract.PutEvent>(true),
    same<sdk.ErrorDetail, contract.ErrorDetail>(true),
    same<sdk.EventType, EventType>(true),
  ];

  expect(compared.every(Boolean)).toBe(true);
});

it('what the contract says of every event is true of the SDK’s', () => {
  const event: contract.EventView = {} as sdk.RunEvent;

  expect(event).toEqual({});
});

it('the comparison sees a member that is missing, optional or null', () => {
  const different = [
    same<{ a: string }, { a: string; b?: string }>(false),
    same<{ a?: string }, { a: string }>(false),
    same<{ a: string | null }, { a: string }>(false),
    same<{ a: 'x' | 'y' }, { a: 'x' }>(false),
    same<{ a: { b: string }[] }, { a: { b: number }[] }>(false),
  ];

  expect(different.some(Boolean)).toBe(false);
});

it('codes of errors keep their statuses', () => {
  expect(ERROR_STATUS).toMatchObject({ conflict: 409, gone: 410, invalid: 422, rate_limited: 429, unavailable: 503 });
});
