// The workflows of the suite, as files. `SERVICES` stands for where the test services are.

const HEAD = 'services:\n  s: { type: http, endpoint: "SERVICES", timeout: 20s, retry: { attempts: 1 }, breaker: false }\n';

/** A call that passes the tag on, so that the services know whose request it is. */
function call(id: string, more = ''): string {
  return `  - { id: ${id}, service: s, method: "POST /${id}", input: { tag: "{{ .input.tag }}" }${more} }\n`;
}

/** With an undo. */
function done(id: string): string {
  return call(
    id,
    `, output: ${id}, compensate: { method: "POST /undo-${id}", input: { tag: "{{ .input.tag }}", of: "{{ .${id}.step }}" }, retry: { attempts: 1 } }`,
  );
}

const FILES: { [name: string]: string } = {
  e2e_one: `name: e2e_one
version: "1"
description: One call.
input: { type: object, required: [tag], properties: { tag: { type: string }, n: { type: integer } } }
${HEAD}steps:
${call('one', ', output: one')}output: { said: "{{ .one.step }}", n: "{{ .input.n }}" }
`,
  e2e_five: `name: e2e_five
version: "1"
${HEAD}steps:
${['a', 'b', 'c', 'd', 'e'].map((id) => call(id)).join('')}output: { done: true }
`,
  e2e_express: `name: e2e_express
version: "1"
execution: express
timeout: 1m
${HEAD}steps:
${call('one', ', output: one')}output: { said: "{{ .one.step }}" }
`,
  e2e_saga: `name: e2e_saga
version: "1"
${HEAD}steps:
${done('first')}${done('second')}${call('third')}output: { done: true }
`,
  e2e_plain: `name: e2e_plain
version: "1"
${HEAD}steps:
${call('first', ', output: made')}${call('second')}${call('third')}output: { first: "{{ .made.step }}" }
`,
  e2e_waits: `name: e2e_waits
version: "1"
${HEAD}steps:
${done('first')}  - { id: pause, wait: 1h }
${call('last')}`,
  e2e_approval: `name: e2e_approval
version: "1"
${HEAD}steps:
${done('first')}  - id: ask
    checkpoint:
      title: "Go on with {{ .input.tag }}?"
      allow: [approve, edit, reject, respond]
      fields: { type: object, properties: { amount: { type: number, minimum: 0 } } }
      timeout: 1h
      on_timeout: fail
    output: answer
${call('last')}output: { decision: "{{ .answer.decision }}", amount: "{{ .answer.answer.amount }}" }
`,
  e2e_brief: `name: e2e_brief
version: "1"
${HEAD}steps:
${done('first')}  - { id: ask, checkpoint: { title: Quick, timeout: 1s, on_timeout: reject } }
`,
  e2e_callback: `name: e2e_callback
version: "1"
${HEAD}steps:
  - { id: later, service: s, method: "POST /later", await: callback, timeout: 10m, input: { tag: "{{ .input.tag }}", url: "{{ callback.url }}" }, output: later }
output: { answer: "{{ .later.value }}" }
`,
  e2e_parent: `name: e2e_parent
version: "1"
${HEAD}steps:
${done('before')}  - { id: inner, workflow: e2e_saga, input: { tag: "{{ .input.tag }}" }, output: inner }
${call('after')}output: { inner: "{{ .inner.done }}" }
`,
  e2e_listener: `name: e2e_listener
version: "1"
input: { type: object, required: [tag, amount], properties: { tag: { type: string }, amount: { type: number } } }
triggers:
  - event:
      source: [com.example.e2e]
      detail-type: [Paid]
      detail: { amount: [{ numeric: [">=", 10] }] }
    input: { tag: "{{ .event.detail.tag }}", amount: "{{ .event.detail.amount }}" }
    dedupe: "{{ .event.detail.payment }}"
${HEAD}steps:
${call('heard')}output: { amount: "{{ .input.amount }}" }
`,
  e2e_follower: `name: e2e_follower
version: "1"
triggers:
  - event:
      source: [maestro]
      detail-type: [maestro.run.completed]
      detail: { workflow: [e2e_listener] }
    input: { tag: "{{ .event.detail.run_id }}", status: "{{ .event.detail.status }}" }
${HEAD}steps:
${call('followed')}output: { status: "{{ .input.status }}" }
`,
};

/** The files by name. @param servicesUrl where the test services are */
export function workflowFiles(servicesUrl: string): { [file: string]: string } {
  return Object.fromEntries(Object.entries(FILES).map(([name, text]) => [`${name}.yaml`, text.replaceAll('SERVICES', servicesUrl)]));
}
