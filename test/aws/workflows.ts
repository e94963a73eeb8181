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
