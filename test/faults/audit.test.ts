import { expect, test } from '@jest/globals';
import { startSurroundings } from '../support/process.ts';
import { startTestService } from '../support/service.ts';
import { atRest, audit } from './support/audit.ts';
import { newSale } from './support/sales.ts';

const { db, stripe, receiver, env } = await startSurroundings();
const service = await startTestService(env);
const sales = Array.from({ length: 5 }, () => newSale(stripe));
for (const event of sales.flatMap(({ events }) => events)) await service.deliver(event);
await atRest(db, 20);
await service.stop();
const calls = [...receiver.calls];

const found = () => audit(db, { sales, calls });

test('what went well is sound', async () => {
  expect(await found()).toEqual({ lost: [], twice: [] });
});

test.each([
  [
    'an event',
    `delete from stripe_events where ctid = (select min(ctid) from stripe_events)`,
    /^event .*: none/,
  ],
  [
    'an outcome',
    `update fulfillments set status = 'dead', fulfilled_at = null where id = 1`,
    /^fulfilled .*: none/,
  ],
  ['a mail', `delete from notifications where kind = 'payment_failed'`, /^mail .*: none/],
  ['a line item', `delete from order_line_items where position = 0`, /^line items .*: \d/],
])('%s that is missing is lost', async (_case, harm, line) => {
  const { lost, twice } = await harmed(harm);
  expect([lost[0], twice]).toEqual([expect.stringMatching(line), []]);
});

test.each([
  [
    'a fulfillment of a failed order',
    `insert into fulfillments (order_id) select id from orders where status = 'failed'`,
    /none was due/,
  ],
  [
    'an event that nobody sent',
    `insert into stripe_events (id, type, livemode, created_at, outcome) values ('evt_stranger', 'invoice.paid', false, now(), 'ignored')`,
    /nobody sent: 1/,
  ],
])('%s is one too many', async (_case, harm, line) => {
  const { lost, twice } = await harmed(harm);
  expect([lost, twice[0]]).toEqual([[], expect.stringMatching(line)]);
});

test('a call in other words is one too many, a repeat of it is not', async () => {
  const [call] = calls;
  if (!call) throw new Error('nobody was called');
  expect(await audit(db, { sales, calls: [...calls, call] })).toEqual({ lost: [], twice: [] });
  const { twice } = await audit(db, { sales, calls: [...calls, { ...call, text: '{}' }] });
  expect(twice).toEqual([expect.stringMatching(/^wording .*: 2/)]);
});

/** What the audit finds after it, which is rolled back then. */
async function harmed(statement: string) {
  const trx = await db.transaction();
  try {
    await trx.raw(statement);
    return await audit(trx, { sales, calls });
  } finally {
    await trx.rollback();
  }
}
