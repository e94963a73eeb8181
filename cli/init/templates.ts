// The files that `maestro init` writes: small, complete, and with a failure worth looking at.

/** A workflow of three calls; the first two can be undone. */
export function workflowTemplate(name: string): string {
  return `# A trip: a room, a flight, and the card last. What cannot be paid for is given back, in reverse.
# yaml-language-server: $schema=./maestro.schema.json
name: ${name}
version: "1.0"

input:
  type: object
  required: [traveller, city]
  properties:
    traveller: { type: string, minLength: 1 }
    city: { type: string, minLength: 1 }
    limit_cents: { type: integer, minimum: 0 }

services:
  agency:
    type: http
    endpoint: "http://127.0.0.1:4700"
    timeout: 5s
    retry: { attempts: 3, backoff: exponential, initial: 1s }

steps:
  - id: book_hotel
    service: agency
    method: "POST /hotels"
    input: { reference: "{{ .run.id }}", city: "{{ .input.city }}", guest: "{{ .input.traveller }}" }
    output: hotel
    # By our own reference, not by the id in the answer: so it can be undone also when the answer never came.
    compensate: { method: "DELETE /hotels/{{ .run.id }}", on_unknown: true }

  - id: book_flight
    service: agency
    method: "POST /flights"
    input: { reference: "{{ .run.id }}", to: "{{ .input.city }}", passenger: "{{ .input.traveller }}" }
    output: flight
    compensate: { method: "DELETE /flights/{{ .run.id }}", on_unknown: true }

  - id: charge_card
    service: agency
    method: "POST /charges"
    input:
      amount_cents: "{{ .hotel.price_cents + .flight.price_cents }}"
      limit_cents: "{{ .input.limit_cents | default 100000 }}"
    output: charge
    irreversible: true

output:
  hotel: "{{ .hotel.id }}"
  flight: "{{ .flight.id }}"
  paid_cents: "{{ .charge.amount_cents }}"
`;
}

/** A scenario: a declined card gives everything back. */
export function scenarioTemplate(workflowFile: string): string {
  return `name: a declined card gives the flight back, then the hotel
workflow: ./${workflowFile}
input: { traveller: Ada, city: Lisbon }

mocks:
  book_hotel: { id: h-1, price_cents: 40000 }
  book_flight: { id: f-1, price_cents: 25000 }
  charge_card: { reject: { message: the card was declined } }

expect:
  status: compensated
  error: { step: charge_card, error: Maestro.ServiceRejected }
  calls: [book_hotel, book_flight, charge_card]
  undos: [book_flight, book_hotel]
`;
}

/** The agency that the workflow calls: in memory, plain Node. */
export const SERVICE_TEMPLATE = `// The travel agency that the workflow calls. Start it with: node service.js
const { createServer } = require('node:http');

const bookings = new Map();
let count = 0;

createServer((request, response) => {
  let text = '';
  request.on('data', (part) => (text += part));
  request.on('end', () => {
    const answer = (status, body) => {
      console.log(request.method, request.url, '->', status);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method === 'GET') return answer(200, [...bookings.values()]);
    if (request.method === 'DELETE') return answer(200, { deleted: bookings.delete(request.url) });
    const asked = JSON.parse(text || '{}');
    if (request.url === '/charges') {
      if (asked.amount_cents > asked.limit_cents) return answer(402, { message: 'the card was declined' });
      return answer(200, { amount_cents: asked.amount_cents });
    }
    // The same reference again is the same booking: it gets the same answer, and nothing is booked twice.
    const place = request.url + '/' + asked.reference;
    const hotel = request.url === '/hotels';
    const booking = bookings.get(place) ?? { id: (hotel ? 'h-' : 'f-') + ++count, price_cents: hotel ? 40000 : 25000, ...asked };
    bookings.set(place, booking);
    answer(200, booking);
  });
}).listen(4700, '127.0.0.1', () => console.log('agency on http://127.0.0.1:4700 (GET / lists what is booked)'));
`;
