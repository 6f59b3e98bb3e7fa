import type { Knex } from 'knex';

/**
 * The state machine of src/orders/status.ts, enforced for every writer: a test compares the two.
 * Nothing leaves 'paid', not even by hand.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function refuse_illegal_order_move() returns trigger language plpgsql as $$
    begin
      if (old.status, new.status) in (('awaiting_payment', 'paid'), ('awaiting_payment', 'failed'), ('failed', 'paid')) then
        return new;
      end if;
      raise exception 'order % can not move from % to %', old.id, old.status, new.status
        using errcode = 'check_violation', constraint = 'orders_status_moves_legally', table = 'orders';
    end
    $$;

    create trigger orders_status_moves_legally before update of status on orders
      for each row when (old.status is distinct from new.status)
      execute function refuse_illegal_order_move();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger orders_status_moves_legally on orders;
    drop function refuse_illegal_order_move;
  `);
}
