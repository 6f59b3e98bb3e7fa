import express from 'express';
import knex from 'knex';
import Stripe from 'stripe';
import { announce } from '../support/announce.ts';
import { WEBHOOK_SECRET } from '../support/events.ts';

/**
 * What one writes first: a knex transaction a delivery, a query a statement, on the service's own tables. Right, as
 * far as it goes (row lock, state machine, all in one transaction), and the measure of what group commit brings.
 */
const db = knex({ client: 'pg', connection: process.argv[2] as string, pool: { min: 10, max: 10 } });

const app = express();
app.post('/webhook', express.raw({ type: () => true, limit: '1mb' }), async (req, res) => {
  const event = Stripe.webhooks.constructEvent(
    req.body as Buffer,
    req.get('stripe-signature') ?? '',
    WEBHOOK_SECRET,
  );
  if (event.type === 'checkout.session.completed') await record(event, event.data.object);
  res.json({ received: true });
});
announce(app);

async function record(event: Stripe.Event, session: Stripe.Checkout.Session): Promise<void> {
  await db.transaction(async (trx) => {
    const [recorded] = await trx('stripe_events')
      .insert({
        id: event.id,
        type: event.type,
        api_version: event.api_version,
        livemode: event.livemode,
        checkout_session_id: session.id,
        created_at: new Date(event.created * 1_000),
        outcome: 'applied',
        payload: JSON.stringify(event),
      })
      .onConflict('id')
      .ignore()
      .returning('id');
    if (!recorded) return;
    const standing = await trx('orders').where({ checkout_session_id: session.id }).forUpdate().first();
    if (standing) return;
    const [order] = await trx('orders')
      .insert({
        checkout_session_id: session.id,
        status: 'paid',
        payment_status: session.payment_status,
        mode: session.mode,
        livemode: session.livemode,
        currency: session.currency,
        amount_subtotal: session.amount_subtotal,
        amount_total: session.amount_total,
        customer_email: session.customer_details?.email,
        customer_name: session.customer_details?.name,
        client_reference_id: session.client_reference_id,
        payment_intent_id: session.payment_intent,
        shipping_details: JSON.stringify(session.collected_information?.shipping_details),
        custom_fields: JSON.stringify(session.custom_fields),
        total_details: JSON.stringify(session.total_details),
        metadata: JSON.stringify(session.metadata),
        paid_at: trx.fn.now(),
      })
      .returning('id');
    await trx('order_transitions').insert({
      order_id: order.id,
      to_status: 'paid',
      event_id: event.id,
      source: 'webhook',
    });
    await trx('fulfillments').insert({ order_id: order.id, event_id: event.id });
  });
}
