// The workflows of these tests.

const SERVICE = `
services:
  shop:
    type: http
    endpoint: "{{ env.SHOP }}"
    timeout: 5s
`;

/** Two steps with undos, and one after them that may fail. */
export const ORDER = `name: order
version: "3"
input:
  type: object
  required: [id]
  properties:
    id: { type: string }
    note: { type: string }
${SERVICE}
triggers:
  - event: { source: [web] }
    input: { id: "{{ .event.detail.id }}" }
    dedupe: "{{ .event.detail.id }}"
steps:
  - id: reserve
    service: shop
    method: "POST /reserve"
    input: { id: "{{ .input.id }}" }
    output: reservation
    compensate: { method: "DELETE /reserve/{{ .reservation.ref }}" }
  - id: charge
    service: shop
    method: "POST /charge"
    input: { id: "{{ .input.id }}" }
    output: charge
    compensate: { method: "POST /refund" }
  - id: ship
    service: shop
    method: "POST /ship"
    output: parcel
output: { ref: "{{ .reservation.ref }}" }
`;

/** Something done, then a long wait. */
export const PATIENT = `name: patient
version: "1"
timeout: 2h
${SERVICE}
steps:
  - id: book
    service: shop
    method: "POST /book"
    output: booking
    compensate: { method: "DELETE /book" }
  - id: pause
    wait: 1h
`;

/** Something done, then a question. */
export const ASKS = `name: asks
version: "1"
timeout: 2h
${SERVICE}
steps:
  - id: book
    service: shop
    method: "POST /book"
    output: booking
    compensate: { method: "DELETE /book" }
  - id: approve
    checkpoint:
      title: "Book {{ .input.what }}?"
      allow: [approve, reject]
      timeout: 1h
    output: approval
  - id: confirm
    service: shop
    method: "POST /confirm"
    output: confirmation
output: { by: "{{ .approval.by }}" }
`;

/** A workflow that runs another, and then fails. */
export const PARENT = `name: parent
version: "1"
${SERVICE}
steps:
  - id: child
    workflow: order
    input: { id: "{{ .input.id }}" }
    output: child
  - id: last
    service: shop
    method: "POST /last"
    output: last
`;

/** A service that answers later. */
export const LATER = `name: later
version: "1"
${SERVICE}
steps:
  - id: order
    service: shop
    method: "POST /later"
    await: callback
    timeout: 1h
    input: { reply_to: "{{ callback.url }}" }
    output: answer
output: { said: "{{ .answer.said }}" }
`;

/** Short, and nobody is told how it ends but by its own last call. */
export const EXPRESS = `name: quick
version: "1"
execution: express
timeout: 1m
${SERVICE}
steps:
  - id: one
    service: shop
    method: "POST /one"
    output: one
output: { ok: "{{ .one.ok }}" }
`;

/** An input that is larger than a state may be, of which only a little is read. */
export const LARGE = `name: large
version: "1"
${SERVICE}
steps:
  - id: store
    service: shop
    method: "POST /store"
    input: { all: "{{ .input }}" }
    output: stored
output: { id: "{{ .input.id }}" }
`;
