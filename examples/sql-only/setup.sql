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

-- What a person has closed, since it was refunded or fulfilled by hand, is called fulfilled as well. It is not to be shipped.
create view shop_closed as
select order_id
from fulfillments join ops_actions on subject = order_id::text and action = 'close' and occurred_at = fulfilled_at;

-- In the transaction that marks the order as fulfilled, when its line items are stored. The worker's, so no delivery
-- of Stripe's waits for it.
create function shop_receive_order() returns trigger language plpgsql as $$
begin
  if exists (select from shop_closed where order_id = new.order_id) then return null; end if;
  insert into shop_inbox (order_id) values (new.order_id) on conflict do nothing;
  perform pg_notify('order_paid', new.order_id::text);
  return null;
end
$$;

-- At its end, where it sees that a person has closed the order: that is written last.
create constraint trigger shop_receives_order after update of status on fulfillments
  deferrable initially deferred
  for each row when (new.status = 'fulfilled' and old.status <> 'fulfilled')
  execute function shop_receive_order();

-- What was fulfilled before this was set up.
insert into shop_inbox (order_id)
select order_id from fulfillments
where status = 'fulfilled' and not exists (select from shop_closed where shop_closed.order_id = fulfillments.order_id)
on conflict do nothing;
