// What a Task's `Resource` names.

/** How the task ends: with the response, with the child's end, or with a SendTask* call. */
export type Pattern = 'response' | 'sync' | 'sync:2' | 'token';

export type Resource =
  | { kind: 'function'; arn: string; type: 'lambda'; action: string; pattern: Pattern }
  | { kind: 'integration'; arn: string; type: 'lambda'; action: 'invoke'; label: string; pattern: Pattern }
  | { kind: 'integration'; arn: string; type: 'states'; action: 'startExecution'; label: string; pattern: Pattern }
  | { kind: 'integration'; arn: string; type: 'events'; action: 'putEvents'; label: string; pattern: Pattern };

const FUNCTION = /^arn:[\w-]+:lambda:[\w-]*:\d*:function:[\w$:.-]+$/;
const INTEGRATION = /^arn:[\w-]+:states:[\w-]*:\d*:([\w-]+):([\w-]+)(?:\.(sync:2|sync|waitForTaskToken))?$/;

/** Undefined for a resource that this engine has no task for. */
export function parseResource(arn: string): Resource | undefined {
  if (FUNCTION.test(arn)) return { kind: 'function', arn, type: 'lambda', action: 'invoke', pattern: 'response' };
  const match = INTEGRATION.exec(arn);
  if (!match) return undefined;
  const [, service, action, suffix] = match;
  const pattern: Pattern =
    suffix === undefined ? 'response' : suffix === 'waitForTaskToken' ? 'token' : suffix === 'sync:2' ? 'sync:2' : 'sync';
  const label = suffix === undefined ? `${action}` : `${action}.${suffix}`;
  const waitsForChild = pattern === 'sync' || pattern === 'sync:2';
  if (service === 'lambda' && action === 'invoke' && !waitsForChild)
    return { kind: 'integration', arn, type: service, action, label, pattern };
  if (service === 'states' && action === 'startExecution') return { kind: 'integration', arn, type: service, action, label, pattern };
  if (service === 'events' && action === 'putEvents' && !waitsForChild)
    return { kind: 'integration', arn, type: service, action, label, pattern };
  return undefined;
}
