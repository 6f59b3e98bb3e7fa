import type { Knex } from 'knex';

/** For whoever comes with psql: \d+ explains itself. A test finds what has no comment. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    comment on table stripe_events is 'What Stripe sent: each event once, however often it was delivered.';
    comment on column stripe_events.id is 'Stripe''s id, evt_…';
    comment on column stripe_events.type is 'Stripe''s type, such as checkout.session.completed.';
    comment on column stripe_events.api_version is 'The version of Stripe''s API that gave the event its shape: the webhook endpoint''s, or the account''s default where reconcile found it.';
    comment on column stripe_events.livemode is 'False: a test, no money moved.';
    comment on column stripe_events.account is 'The connected account that it comes from (Stripe Connect). Null: your own.';
    comment on column stripe_events.checkout_session_id is 'The checkout session that it speaks of, cs_…. Null: it speaks of something else.';
    comment on column stripe_events.created_at is 'When Stripe made it, to the second. Says nothing of the order of events.';
    comment on column stripe_events.received_at is 'When it was first taken here, from a delivery or by reconcile.';
    comment on column stripe_events.outcome is 'applied: it moved its order. stale: nothing to do any more. conflict: a failure after the payment, a person should look. ignored: not ours, or of a type that is not handled.';
    comment on column stripe_events.payload is 'What was delivered, to the letter, or what Stripe''s API said where reconcile found it. Null: emptied, RETENTION_DAYS after it came in (once its order was settled), or by erase.';

    comment on table orders is 'One order for each checkout session.';
    comment on column orders.id is 'Ours; shown to people as the order''s number.';
    comment on column orders.checkout_session_id is 'Stripe''s checkout session, cs_….';
    comment on column orders.status is 'awaiting_payment: a delayed method has not paid yet. paid: final. failed: a delayed payment did not go through, and may yet.';
    comment on column orders.account is 'The connected account of its session (Stripe Connect). Null: your own.';
    comment on column orders.payment_status is 'In Stripe''s words: paid, unpaid, no_payment_required.';
    comment on column orders.mode is 'The session''s: payment or subscription.';
    comment on column orders.livemode is 'False: a test, no money moved.';
    comment on column orders.currency is 'Three letters in lower case, such as usd.';
    comment on column orders.amount_subtotal is 'Before discounts and taxes, in minor units (major_units makes an amount of it).';
    comment on column orders.amount_total is 'What the customer pays, in minor units (major_units makes an amount of it). Refunds change nothing here.';
    comment on column orders.customer_id is 'Stripe''s customer, cus_…, or the id that you gave it. Null: a guest.';
    comment on column orders.customer_email is 'As the customer typed it; compare lower(customer_email).';
    comment on column orders.customer_name is 'As the customer typed it.';
    comment on column orders.client_reference_id is 'The shop''s own reference, given to the session: mails call the order by it.';
    comment on column orders.payment_intent_id is 'Stripe''s payment, pi_…. Null where there was nothing to pay, and for subscriptions.';
    comment on column orders.payment_link_id is 'The payment link that the session began at, plink_….';
    comment on column orders.shipping_details is 'Name and address to ship to, in Stripe''s shape.';
    comment on column orders.custom_fields is 'What the customer filled in, in Stripe''s shape.';
    comment on column orders.total_details is 'Discount, shipping and tax in minor units, in Stripe''s shape.';
    comment on column orders.metadata is 'What the shop put into the session.';
    comment on column orders.created_at is 'When it became known here.';
    comment on column orders.updated_at is 'When it last changed.';
    comment on column orders.paid_at is 'When it became paid here. Set exactly when its status is paid.';
    comment on column orders.failed_at is 'When it became failed here. Set exactly when its status is failed.';
    comment on column orders.customer_phone is 'As the customer typed it, where the session asks for it.';
    comment on column orders.subscription_id is 'Stripe''s subscription, sub_…. Null: none began with the order.';
    comment on column orders.shipping_cost is 'What shipping costs in minor units, and the shipping rate that was chosen, in Stripe''s shape.';
    comment on column orders.presentment_details is 'What the customer is charged in minor units of a currency of their own (Adaptive Pricing), in Stripe''s shape. Null: amount_total.';

    comment on table order_line_items is 'What was bought, as Stripe''s API lists it: stored before the order is fulfilled.';
    comment on column order_line_items.order_id is 'The order.';
    comment on column order_line_items.stripe_line_item_id is 'Stripe''s id, li_….';
    comment on column order_line_items.position is 'Stripe''s order, from 0.';
    comment on column order_line_items.price_id is 'Stripe''s price, price_…, or the id that you gave it.';
    comment on column order_line_items.product_id is 'Stripe''s product, prod_…, or the id that you gave it.';
    comment on column order_line_items.description is 'The product''s name, as the customer saw it.';
    comment on column order_line_items.quantity is 'How many.';
    comment on column order_line_items.unit_amount is 'The price of one, in minor units. Null: Stripe tells none that is whole and in this currency, as where it has tiers, or the customer chose it.';
    comment on column order_line_items.amount_subtotal is 'Of all of them, before discount and tax, in minor units.';
    comment on column order_line_items.amount_discount is 'In minor units.';
    comment on column order_line_items.amount_tax is 'In minor units.';
    comment on column order_line_items.amount_total is 'Of all of them, with discount and tax, in minor units.';
    comment on column order_line_items.currency is 'Three letters in lower case, such as usd.';
    comment on column order_line_items.metadata is 'What the shop put into the line item of the session. That of prices and products is not asked for. Null also where the order was closed or erased before its items came.';

    comment on table order_transitions is 'Every change of an order''s status, with its cause. One that was made by hand is missing.';
    comment on column order_transitions.id is 'Ascending in the order in which they happened.';
    comment on column order_transitions.order_id is 'The order.';
    comment on column order_transitions.from_status is 'Where it was. Null: it is new.';
    comment on column order_transitions.to_status is 'Where it went.';
    comment on column order_transitions.event_id is 'The event that asked for it, evt_…. Null: none did.';
    comment on column order_transitions.source is 'webhook: Stripe delivered an event. landing_page: the shop''s success page asked. reconcile: Stripe was compared with, or an event was replayed.';
    comment on column order_transitions.occurred_at is 'When.';

    comment on table fulfillments is 'Giving what was paid for: one for each paid order. Is itself the worker''s queue.';
    comment on column fulfillments.id is 'Ours.';
    comment on column fulfillments.order_id is 'The order.';
    comment on column fulfillments.event_id is 'The event that made the order paid, evt_…. Null: none did.';
    comment on column fulfillments.status is 'pending: owed. fulfilled: the receiver took it, or a person closed it (npm run ops -- close). dead: no further attempt without a person (npm run ops -- retry).';
    comment on column fulfillments.attempts is 'Attempts begun, those included whose process was killed, also while they waited for their place in it.';
    comment on column fulfillments.next_attempt_at is 'When it is due; during an attempt, when its lease ends. Set exactly while pending.';
    comment on column fulfillments.fulfilled_at is 'When the receiver took it, or a person closed it. Set exactly when fulfilled.';
    comment on column fulfillments.last_error is 'Why the last attempt failed; failed_attempts has all of them.';
    comment on column fulfillments.created_at is 'Since when it is owed.';
    comment on column fulfillments.attempts_lost is 'Attempts in a row of whose end nobody has heard, the one under way included: its process was killed, by it or by what was beside it, or cut off from the database. 0 once it is dead.';
    comment on column fulfillments.died_at is 'When it became dead, the last time. Null: it never was.';

    comment on table notifications is 'A mail owed to a customer until it is sent, once for each order and kind. Is itself a queue.';
    comment on column notifications.id is 'Ours.';
    comment on column notifications.order_id is 'The order.';
    comment on column notifications.kind is 'order_paid: the receipt. payment_failed: word of a payment that did not go through.';
    comment on column notifications.status is 'pending: owed. sent: the mail server took it. dead: no further attempt without a person (npm run ops -- retry).';
    comment on column notifications.attempts is 'Attempts begun, those included whose process was killed, also while they waited for their place in it.';
    comment on column notifications.next_attempt_at is 'When it is due; during an attempt, when its lease ends. Set exactly while pending.';
    comment on column notifications.sent_at is 'When the mail server took it. Set exactly when sent.';
    comment on column notifications.last_error is 'Why the last attempt failed; failed_attempts has all of them.';
    comment on column notifications.created_at is 'Since when it is owed. A receipt is owed from when the line items were stored.';
    comment on column notifications.attempts_lost is 'Attempts in a row of whose end nobody has heard, the one under way included: its process was killed, by it or by what was beside it, or cut off from the database. 0 once it is dead.';
    comment on column notifications.died_at is 'When it became dead, the last time. Null: it never was.';

    comment on table failed_attempts is 'Every attempt at owed work that failed, and why. One that was cut off by the end of its process is missing, unless it was the last.';
    comment on column failed_attempts.id is 'Ascending in the order in which they failed.';
    comment on column failed_attempts.work is 'The table of the work: fulfillments or notifications.';
    comment on column failed_attempts.work_id is 'The id of its row there.';
    comment on column failed_attempts.order_id is 'The order.';
    comment on column failed_attempts.attempt is 'Which one: from 1, and from 1 again where a dead one was retried.';
    comment on column failed_attempts.error is 'Why it failed.';
    comment on column failed_attempts.next_attempt_at is 'When the next one was due. Null: none was, it was dead from here on.';
    comment on column failed_attempts.occurred_at is 'When it failed.';

    comment on table ops_actions is 'What people did to orders and events, and the retention job to payloads: written with the change itself.';
    comment on column ops_actions.id is 'Ascending in the order in which they happened.';
    comment on column ops_actions.occurred_at is 'When.';
    comment on column ops_actions.actor is 'Who: cli: and the user of the machine, ops: and the name given at the login, ops for a bearer of OPS_TOKEN and where none is set, retention for the job of RETENTION_DAYS, or sandbox for a retry on the page of its shop.';
    comment on column ops_actions.action is 'What: the command''s name, such as retry; empty_payloads for the retention job.';
    comment on column ops_actions.subject is 'The id of the order or event that it was done to; stripe_events where it was done to many, stripe for reconcile. Never an address.';
    comment on column ops_actions.details is 'What came of it.';

    comment on table knex_migrations is 'Which changes this database''s tables have seen. Kept by knex.';
    comment on column knex_migrations.id is 'Ours.';
    comment on column knex_migrations.name is 'The file, in migrations/.';
    comment on column knex_migrations.batch is 'Those that were applied together.';
    comment on column knex_migrations.migration_time is 'When.';
    comment on table knex_migrations_lock is 'Kept by knex.';
    comment on column knex_migrations_lock.index is 'Kept by knex.';
    comment on column knex_migrations_lock.is_locked is 'Kept by knex.';

    comment on function major_units(bigint, text) is 'An amount as people write it: 6498 of usd is 64.98, 500 of jpy is 500. Knows what Stripe counts in other than hundredths.';

    comment on view orders_overview is 'An order a row, with how its fulfilment stands. Amounts in major units. Newest first: order by created_at desc limit 50.';
    comment on column orders_overview.id is 'The order''s number.';
    comment on column orders_overview.checkout_session_id is 'Stripe''s checkout session, cs_….';
    comment on column orders_overview.status is 'awaiting_payment, paid or failed: see orders.';
    comment on column orders_overview.amount is 'What the customer pays, in major units.';
    comment on column orders_overview.currency is 'Three letters in lower case.';
    comment on column orders_overview.customer_email is 'As the customer typed it; compare lower(customer_email).';
    comment on column orders_overview.customer_name is 'As the customer typed it.';
    comment on column orders_overview.client_reference_id is 'The shop''s own reference.';
    comment on column orders_overview.livemode is 'False: a test, no money moved.';
    comment on column orders_overview.created_at is 'When it became known here.';
    comment on column orders_overview.paid_at is 'When it became paid.';
    comment on column orders_overview.failed_at is 'When it became failed.';
    comment on column orders_overview.fulfillment is 'pending, fulfilled or dead. Null: it is not paid.';
    comment on column orders_overview.attempts is 'Attempts at its fulfilment.';
    comment on column orders_overview.next_attempt_at is 'When the next one is due; during one, when its lease ends.';
    comment on column orders_overview.fulfilled_at is 'When the receiver took it, or a person closed it.';
    comment on column orders_overview.last_error is 'Why the last attempt failed.';
    comment on column orders_overview.age is 'Since it became known here.';
    comment on column orders_overview.waiting is 'How long it has waited for its money or, once it was paid, for its fulfilment. Null: it waits for neither.';

    comment on view orders_stuck is 'Paid, and its fulfilment is dead or has been owed for more than 15 minutes. The longest waiting first; columns as in orders_overview.';
    comment on column orders_stuck.id is 'The order''s number.';
    comment on column orders_stuck.checkout_session_id is 'Stripe''s checkout session, cs_….';
    comment on column orders_stuck.status is 'Always paid.';
    comment on column orders_stuck.amount is 'What the customer paid, in major units.';
    comment on column orders_stuck.currency is 'Three letters in lower case.';
    comment on column orders_stuck.customer_email is 'As the customer typed it; compare lower(customer_email).';
    comment on column orders_stuck.customer_name is 'As the customer typed it.';
    comment on column orders_stuck.client_reference_id is 'The shop''s own reference.';
    comment on column orders_stuck.livemode is 'False: a test, no money moved.';
    comment on column orders_stuck.created_at is 'When it became known here.';
    comment on column orders_stuck.paid_at is 'When it became paid.';
    comment on column orders_stuck.failed_at is 'Always null.';
    comment on column orders_stuck.fulfillment is 'pending: tried again by itself. dead: waits for npm run ops -- retry.';
    comment on column orders_stuck.attempts is 'Attempts at its fulfilment.';
    comment on column orders_stuck.next_attempt_at is 'When the next one is due. Null: none is.';
    comment on column orders_stuck.fulfilled_at is 'Always null.';
    comment on column orders_stuck.last_error is 'Why the last attempt failed.';
    comment on column orders_stuck.age is 'Since it became known here.';
    comment on column orders_stuck.waiting is 'How long it has been paid and not fulfilled.';

    comment on view revenue_by_day is 'Money paid, by day and currency, in major units; days are those of UTC. Refunds, disputes and Stripe''s fees are not known here: Stripe''s reports have them.';
    comment on column revenue_by_day.day is 'The day in UTC on which orders became paid here.';
    comment on column revenue_by_day.currency is 'Three letters in lower case. Null: orders without one.';
    comment on column revenue_by_day.livemode is 'False: tests, no money moved.';
    comment on column revenue_by_day.orders is 'How many became paid, those with nothing to pay included.';
    comment on column revenue_by_day.amount is 'Their totals, in major units.';

    comment on view events_recent is 'Events, newest first, as long as their payload is kept (RETENTION_DAYS): these can be replayed.';
    comment on column events_recent.id is 'Stripe''s id, evt_….';
    comment on column events_recent.type is 'Stripe''s type.';
    comment on column events_recent.outcome is 'applied, stale, conflict or ignored: see stripe_events.';
    comment on column events_recent.checkout_session_id is 'The checkout session that it speaks of, cs_….';
    comment on column events_recent.order_id is 'The order of that session, if there is one.';
    comment on column events_recent.livemode is 'False: a test.';
    comment on column events_recent.account is 'The connected account that it comes from. Null: your own.';
    comment on column events_recent.created_at is 'When Stripe made it.';
    comment on column events_recent.received_at is 'When it was first taken here, from a delivery or by reconcile.';
    comment on column events_recent.age is 'Since it was first taken here.';
    comment on column events_recent.took is 'The time from when Stripe made it to when it came in here, give or take a second. Where that is long, earlier deliveries failed.';

    comment on view work_dead is 'What no one attempts any more until a person says so: npm run ops -- retry. The longest owed first.';
    comment on column work_dead.work is 'fulfillment, or the mail''s kind: order_paid, payment_failed.';
    comment on column work_dead.id is 'Its id in fulfillments or notifications.';
    comment on column work_dead.order_id is 'The order''s number.';
    comment on column work_dead.checkout_session_id is 'Stripe''s checkout session, cs_….';
    comment on column work_dead.customer_email is 'Whose order it is.';
    comment on column work_dead.amount is 'The order''s total, in major units.';
    comment on column work_dead.currency is 'Three letters in lower case.';
    comment on column work_dead.attempts is 'Attempts that were made.';
    comment on column work_dead.last_error is 'Why the last one failed.';
    comment on column work_dead.created_at is 'Since when it is owed.';
    comment on column work_dead.died_at is 'When it became dead.';
    comment on column work_dead.age is 'For how long it has been owed.';
  `);
}

/** Comments go with their tables and views; those that stay do no harm. */
export async function down(): Promise<void> {}
