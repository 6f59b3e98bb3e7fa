-- Takes up to 100 orders and ships them, in one transaction: what is taken is shipped, and nothing is taken twice,
-- however many run this at once.
with taken as (
  delete from shop_inbox
  where order_id in (
    select order_id from shop_inbox order by arrived_at limit 100 for update skip locked)
  returning order_id
)
insert into shop_shipments (order_id, position, description, quantity)
select order_id, position, description, quantity
from taken join order_line_items using (order_id);
