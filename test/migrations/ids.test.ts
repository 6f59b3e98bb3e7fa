import { expect, test } from '@jest/globals';
import { createTestDatabase } from '../support/database.ts';

const { db } = await createTestDatabase();

test('ids of events, sessions and line items are compared byte by byte, whatever the language of the database', async () => {
  const { rows } = await db.raw(
    `select table_name || '.' || column_name as id, collation_name from information_schema.columns
     join information_schema.tables using (table_schema, table_name)
     where table_schema = 'public' and table_type = 'BASE TABLE' and data_type = 'text'
       and column_name in ('id', 'event_id', 'checkout_session_id', 'stripe_line_item_id', 'subject')
     order by 1`,
  );
  expect(rows).toEqual(
    [
      'fulfillments.event_id',
      'ops_actions.subject',
      'order_line_items.stripe_line_item_id',
      'order_transitions.event_id',
      'orders.checkout_session_id',
      'refused_events.checkout_session_id',
      'refused_events.id',
      'stripe_events.checkout_session_id',
      'stripe_events.id',
    ].map((id) => ({ id, collation_name: 'C' })),
  );
});
