-- Run once, in the service's database. The shop's tables are its own; the service never touches them.

-- Orders that are ready to be shipped and that the shop has not taken yet.
create table shop_inbox (
  order_id bigint primary key references orders,
  arrived_at timestamptz not null default now()
);

create table shop_shipments (
  order_id bigint not null references orders,
  position integer not null,
  description text,
  quantity bigint,
  primary key (order_id, position)
);

-- In the transaction that marks the order as fulfilled, when its line items are stored. The worker's, so no delivery
-- of Stripe's waits for it.
create function shop_receive_order() returns trigger language plpgsql as $$
begin
  insert into shop_inbox (order_id) values (new.order_id) on conflict do nothing;
  perform pg_notify('order_paid', new.order_id::text);
  return null;
end
$$;

create trigger shop_receives_order after update of status on fulfillments
  for each row when (new.status = 'fulfilled' and old.status <> 'fulfilled')
  execute function shop_receive_order();

-- What was fulfilled before this was set up.
insert into shop_inbox (order_id)
select order_id from fulfillments where status = 'fulfilled' on conflict do nothing;
