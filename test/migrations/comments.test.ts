import { expect, test } from '@jest/globals';
import { createTestDatabase } from '../support/database.ts';

const { db } = await createTestDatabase();

test('every table, view and column says what it is', async () => {
  const { rows } = await db.raw(
    `with relation as (
       select oid, relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
     )
     select relname as silent from relation where obj_description(oid, 'pg_class') is null
     union all
     select relname || '.' || attname from relation join pg_attribute on attrelid = relation.oid
     where attnum > 0 and not attisdropped and col_description(attrelid, attnum) is null`,
  );
  expect(rows).toEqual([]);
});
