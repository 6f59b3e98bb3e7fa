import type { Knex } from 'knex';

/** What was bought, as Stripe's API lists it: stored before the order is fulfilled. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table order_line_items (
      order_id bigint not null references orders,
      stripe_line_item_id text collate "C" not null,
      position integer not null,
      price_id text,
      product_id text,
      description text,
      quantity bigint,
      unit_amount bigint,
      amount_subtotal bigint not null,
      amount_discount bigint not null,
      amount_tax bigint not null,
      amount_total bigint not null,
      currency text not null,
      -- Not jsonb, which puts keys into an order of its own: a repeat brings the receiver the same bytes.
      metadata json,
      primary key (order_id, position),
      constraint order_line_items_each_once unique (order_id, stripe_line_item_id)
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table order_line_items');
}
