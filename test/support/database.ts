import pg from 'pg';
import { type Knex, openPool } from '../../src/db/knex.ts';
import { atEnd } from './at-end.ts';
import { silent } from './log.ts';
import { newId } from './new-id.ts';

export interface TestDatabase {
  readonly url: string;
  readonly db: Knex;
}

const serverUrl = () => process.env.TEST_POSTGRES_URL as string;

/** A database of the test file's own, with every migration (or none), gone when the file ends. */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const name = newId('test');
  const template = migrated ? process.env.TEST_POSTGRES_TEMPLATE : 'template1';
  await asAdmin(`create database ${name} template ${template}`);
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  const db = patient(openPool(url.href, { kind: 'worker', max: 4, log: silent }));
  atEnd(async () => {
    await db.destroy();
    await asAdmin(`drop database ${name} with (force)`);
  });
  return { url: url.href, db };
}

/** In one connection: the service's own pool opens one more before, to see what it is granted. */
async function asAdmin(statement: string): Promise<void> {
  const admin = new pg.Client({ connectionString: serverUrl(), connectionTimeoutMillis: 30_000 });
  await admin.connect();
  try {
    await admin.query(statement);
  } finally {
    await admin.end();
  }
}

/** A busy machine may take longer to let the test in than the service waits for that: it tries again for half a minute. */
function patient(pool: Knex): Knex {
  Object.assign(pool.client.pool, { acquireTimeoutMillis: 30_000, propagateCreateError: false });
  return pool;
}

/** Everything that news of orders changes, for "and nothing else changed". */
export async function contentsOf(db: Knex) {
  const all = async (table: string, ...order: string[]) => db(table).select().orderBy(order);
  return {
    events: await all('stripe_events', 'id'),
    orders: await all('orders', 'id'),
    transitions: await all('order_transitions', 'id'),
    fulfillments: await all('fulfillments', 'id'),
    lineItems: await all('order_line_items', 'order_id', 'position'),
    notifications: await all('notifications', 'id'),
  };
}
