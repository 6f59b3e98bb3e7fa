import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from '../loop.ts';

/**
 * Events of a step, whose locks last for as long as it takes. In slow hours the longest step took 112 and 117 ms with 200
 * events, and 44 and 117 ms with 100 (of 600 steps each); most of that was the disk's. In turns, five times 30,000 events, the
 * longest took 15 to 51 ms, and 15 to 30.
 */
export const STEP = 100;
/** What others have to themselves after each full step, and after the last one. */
const BETWEEN_STEPS_MS = 50;
const BETWEEN_RUNS_MS = 60 * 60 * 1_000;

/**
 * One step: empties the payloads of up to `limit` settled events that came in more than `days` days ago, the oldest
 * first, and says of how many. An event is settled once nobody may need to read it again: its order, if it has one, is
 * not waiting for its money, and is fulfilled where it is paid. A dead order keeps its events until a person has seen to it.
 *
 * An index holds just the events that have a payload, so a step begins where the last one ended, in whatever process.
 */
export async function emptyOldPayloads(
  db: Knex,
  { days, limit }: { days: number; limit: number },
): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `with old as (
       select id from stripe_events
       where payload is not null
         and received_at < now() - :days * interval '1 day'
         and not exists (
           select from orders left join fulfillments on fulfillments.order_id = orders.id
           where orders.checkout_session_id = stripe_events.checkout_session_id
             and (orders.status = 'awaiting_payment' or fulfillments.status <> 'fulfilled'))
       order by received_at
       limit :limit
       for update skip locked
     )
     update stripe_events set payload = null from old where stripe_events.id = old.id`,
    { days, limit },
  );
  return rowCount;
}

/** Steps that follow each other with only their short rests between them. */
interface Run {
  /** Of its row in `ops_actions`. */
  readonly id: number | null;
  readonly events: number;
}

const nothingYet: Run = { id: null, events: 0 };

/**
 * A run has one row, which each of its steps brings up to date in its own transaction. So wherever the run ends, the row
 * tells of exactly the events that were emptied.
 */
async function keepCount(trx: Knex.Transaction, { id, events }: Run): Promise<Run> {
  const details = { events };
  if (id !== null) {
    await trx('ops_actions').where({ id }).update({ details });
    return { id, events };
  }
  const action = { actor: 'retention', action: 'empty_payloads', subject: 'stripe_events', details };
  const [begun] = await trx('ops_actions').insert(action).returning('id');
  return { id: begun.id, events };
}

/** Step by step until nothing is left, and again an hour later. Any number of processes may run it. */
export function startRetention({ db, days, log }: { db: Knex; days: number; log: Logger }): Loop {
  let run = nothingYet;

  async function step(run: Run): Promise<Run> {
    try {
      return await db.transaction(async (trx) => {
        const count = await emptyOldPayloads(trx, { days, limit: STEP });
        return count === 0 ? run : await keepCount(trx, { ...run, events: run.events + count });
      });
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not empty the payloads of old events');
      return run;
    }
  }

  return startLoop(async () => {
    const before = run.events;
    run = await step(run);
    if (run.events - before === STEP) return BETWEEN_STEPS_MS;
    if (run.events > 0) log.info({ events: run.events }, 'emptied the payloads of old events');
    run = nothingYet;
    return BETWEEN_RUNS_MS;
  });
}
