// Orders: stock, payments, shipping; and the messages that every domain sends.

import { number, Refusal, text } from '../json.ts';
import type { Operation } from '../operation.ts';

/** Prices in cents. A product that is not listed does not exist. */
const PRICES = new Map([
  ['mug', 1250],
  ['lamp', 4900],
  ['desk', 32000],
]);

/** Pieces in stock of each product. */
const STOCK = new Map([
  ['mug', 100],
  ['lamp', 10],
  ['desk', 1],
]);

/** The test card that a payment service declines. */
const DECLINED_CARD = 'card_declined';

export const orderOperations: Operation[] = [
  {
    name: 'ReserveStock',
    route: 'POST /inventory/reservations',
    run(world, input) {
      const sku = text(input, 'sku');
      const quantity = number(input, 'quantity');
      const price = PRICES.get(sku);
      if (price === undefined) throw new Refusal(`there is no product ${sku}`, 404);
      const reserved = world.all('reservations').reduce((sum, held) => sum + (held['sku'] === sku ? number(held, 'quantity') : 0), 0);
      if (reserved + quantity > (STOCK.get(sku) ?? 0)) throw new Refusal(`not enough ${sku} in stock`);
      const reservation = world.add('reservations', { sku, quantity });
      return { reservation_id: reservation.id, sku, amount_cents: price * quantity };
    },
  },
  {
    name: 'ReleaseStock',
    route: 'DELETE /inventory/reservations/{reservation_id}',
    run: (world, input) => ({ released: world.remove('reservations', text(input, 'reservation_id')) }),
  },
  {
    name: 'ChargeCard',
    route: 'POST /payments/charges',
    run(world, input) {
      const amount = number(input, 'amount_cents');
      if (text(input, 'card') === DECLINED_CARD) throw new Refusal('the card was declined', 402);
      // The order names the charge, so that a charge whose answer was lost can be refunded without its id.
      const charge = world.add(
        'charges',
        { amount_cents: amount, currency: text(input, 'currency') },
        `charge-for-${text(input, 'order_id')}`,
      );
      return { charge_id: charge.id, amount_cents: amount };
    },
  },
  {
    name: 'RefundOrder',
    route: 'POST /payments/refunds',
    run(world, input) {
      const id = `charge-for-${text(input, 'order_id')}`;
      const charge = world.get('charges', id);
      if (charge === undefined) return { refunded_cents: 0 };
      world.remove('charges', id);
      world.add('refunds', { charge_id: id, amount_cents: charge['amount_cents'] ?? null });
      return { refunded_cents: charge['amount_cents'] ?? 0 };
    },
  },
  {
    name: 'BookShipment',
    route: 'POST /shipping/shipments',
    run(world, input) {
      const country = text(input, 'country');
      if (country === 'AQ') throw new Refusal('no carrier serves that country');
      const shipment = world.add('shipments', { order_id: text(input, 'order_id'), country, express: input['express'] === true });
      return { shipment_id: shipment.id, tracking_url: `https://track.example/${shipment.id}` };
    },
  },
  {
    name: 'CancelShipment',
    route: 'DELETE /shipping/shipments/{shipment_id}',
    run: (world, input) => ({ cancelled: world.remove('shipments', text(input, 'shipment_id')) }),
  },
  {
    name: 'SendMail',
    route: 'POST /mail/messages',
    run(world, input) {
      const mail = world.add('mails', { to: text(input, 'to'), subject: text(input, 'subject') });
      return { message_id: mail.id };
    },
  },
  {
    name: 'Notify',
    route: 'POST /chat/messages',
    run(world, input) {
      const note = world.add('notifications', { channel: text(input, 'channel'), message: text(input, 'message') });
      return { message_id: note.id };
    },
  },
];
