import type { Knex } from 'knex';

/** One order for each checkout session. Amounts are minor units of the currency. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table orders (
      id bigint generated always as identity primary key,
      checkout_session_id text collate "C" not null unique,
      status text not null,
      account text,
      payment_status text not null,
      mode text not null,
      livemode boolean not null,
      currency text,
      amount_subtotal bigint,
      amount_total bigint,
      customer_id text,
      customer_email text,
      customer_name text,
      client_reference_id text,
      payment_intent_id text,
      payment_link_id text,
      shipping_details jsonb,
      custom_fields jsonb,
      total_details jsonb,
      metadata jsonb,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      paid_at timestamptz,
      failed_at timestamptz,
      customer_phone text,
      subscription_id text,
      shipping_cost jsonb,
      presentment_details jsonb,
      constraint orders_status_known check (status in ('awaiting_payment', 'paid', 'failed')),
      constraint orders_payment_status_known check (payment_status in ('paid', 'unpaid', 'no_payment_required')),
      constraint orders_paid_at_exactly_when_paid check ((status = 'paid') = (paid_at is not null)),
      constraint orders_failed_at_exactly_when_failed check ((status = 'failed') = (failed_at is not null)),
      constraint orders_never_of_setup_mode check (mode <> 'setup')
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table orders');
}
