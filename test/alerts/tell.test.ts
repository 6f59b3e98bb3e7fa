import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Alert, Finding } from '../../src/alerts/alert.ts';
import { type Channel, mailChannel, webhookChannel } from '../../src/alerts/channels.ts';
import { claimUntold, endUnseen, raise, settleTold } from '../../src/alerts/store.ts';
import { tellDue } from '../../src/alerts/tell.ts';
import type { Knex } from '../../src/db/knex.ts';
import type { Mail } from '../../src/notifications/mail.ts';
import { startChat } from '../support/chat.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';

const { db } = await createTestDatabase();
const chat = await startChat();
/** The last of them at this minute. */
const dead = (count: number, minute = 0) =>
  ({
    cause: 'fulfillments_dead',
    details: { count, order_id: 7, newest_at: new Date(Date.UTC(2026, 10, 25, 12, minute)) },
  }) satisfies Finding;

beforeEach(() => db('alerts').del());

const alerts = () => db('alerts').orderBy('id');
const makeDue = () => db('alerts').update({ next_attempt_at: db.fn.now() });
const ageLastSight = (seconds: number, on: Knex = db) =>
  on('alerts').update({ seen_at: db.raw(`now() - ? * interval '1 second'`, [seconds]) });

/** A channel that keeps what it is told, as `cause:raised` or `cause:over`; it throws while `broken`. */
function notebook(name: Channel['name']) {
  const told: string[] = [];
  const book = {
    name,
    told,
    broken: false,
    tell: async ({ cause, over_at }: Alert) => {
      if (book.broken) throw new Error('broken');
      told.push(`${cause}:${over_at === null ? 'raised' : 'over'}`);
    },
  };
  return book;
}

const tell = (channels: readonly Channel[], signal = new AbortController().signal) =>
  tellDue({ db, channels, log: silent, signal });

test('a process that has been told to stop begins to tell nothing', async () => {
  await raise(db, dead(1));
  await tell([notebook('webhook')], AbortSignal.abort());
  expect(await alerts()).toMatchObject([{ attempts: 0 }]);
});

test('a mail has the same Message-ID each time it is told, and another than an alert of that id in another database', async () => {
  const ids: string[] = [];
  const send = async ({ messageId }: Mail) => void ids.push(messageId);
  const { tell } = mailChannel({ to: 'ops@mugs.example', send, shop: 'Mugs & More' });
  const alert = (await raise(db, dead(1))) as Alert;
  const elsewhere = { ...alert, raised_at: new Date(alert.raised_at.getTime() + 1) };
  for (const told of [alert, alert, elsewhere]) await tell(told, new AbortController().signal);
  expect(ids[1]).toBe(ids[0]);
  expect(ids[2]).not.toBe(ids[0]);
});

describe('a cause', () => {
  test('is one alert for as long as it is seen, with what was seen last', async () => {
    expect(await raise(db, dead(1))).toMatchObject({ cause: 'fulfillments_dead', over_at: null });
    expect(await raise(db, dead(3))).toBeNull();
    expect(await alerts()).toMatchObject([{ details: { count: 3, order_id: 7 } }]);
  });

  test('of which more has come up is a new alert after an hour, which is told like the first', async () => {
    const raisedAgo = (minutes: number) =>
      db('alerts').update({ raised_at: db.raw(`now() - ? * interval '1 minute'`, [minutes]) });
    const chat = notebook('webhook');
    expect(await raise(db, dead(2))).toMatchObject({ details: { count: 2 } });
    await tell([chat]);
    await raisedAgo(59);
    expect(await raise(db, dead(3, 1))).toBeNull();
    await raisedAgo(61);
    expect(await raise(db, dead(2))).toBeNull();
    expect(await raise(db, dead(1))).toBeNull();
    expect(await raise(db, dead(2, 2))).toMatchObject({ details: { count: 2 } });
    await tell([chat]);
    expect(chat.told).toEqual(['fulfillments_dead:raised', 'fulfillments_dead:raised']);
    expect(await alerts()).toMatchObject([
      { details: { count: 1 }, over_at: expect.any(Date) },
      { details: { count: 2 }, over_at: null, next_attempt_at: null },
    ]);

    expect(await raise(db, dead(3, 3))).toBeNull();
    await raisedAgo(61);
    expect(await raise(db, dead(3, 3))).toMatchObject({ details: { count: 3 } });
  });

  test('of which more has come up is told of once where nobody could be told before', async () => {
    const mail = notebook('mail');
    mail.broken = true;
    await raise(db, dead(1));
    await tell([mail]);
    await db('alerts').update({ raised_at: db.raw(`now() - interval '61 minutes'`) });
    await makeDue();
    expect(await raise(db, dead(2, 1))).not.toBeNull();
    mail.broken = false;
    await tell([mail]);
    expect(mail.told).toEqual(['fulfillments_dead:raised']);
  });

  test('goes on when it is seen again, and when another one has come up since', async () => {
    await raise(db, dead(1));
    await db('alerts').update({ raised_at: db.raw(`now() - interval '61 minutes'`) });
    await ageLastSight(121);
    await raise(db, dead(1));
    await raise(db, { ...dead(1, 1), cause: 'notifications_dead' });
    expect(await endUnseen(db)).toEqual([]);
    expect(await alerts()).toMatchObject([{ over_at: null }, { over_at: null }]);
  });

  test('that comes back leaves it to be told that the one before is over', async () => {
    const chat = notebook('webhook');
    await raise(db, dead(1));
    await tell([chat]);
    await db('alerts').update({ raised_at: db.raw(`now() - interval '61 minutes'`) });
    await ageLastSight(121);
    await endUnseen(db);
    await raise(db, dead(1, 1));
    await tell([chat]);
    expect(chat.told.slice(1).toSorted()).toEqual(['fulfillments_dead:over', 'fulfillments_dead:raised']);
  });

  test('that is not counted costs one statement a look', async () => {
    const statements: string[] = [];
    const hear = ({ sql }: { sql: string }) => void statements.push(sql);
    db.on('query', hear);
    const details = { host: 'here', against: 'the database', seconds: 40 };
    expect(await raise(db, { cause: 'clock_off', details })).toMatchObject({ cause: 'clock_off', details });
    expect(await raise(db, { cause: 'clock_off', details })).toBeNull();
    db.off('query', hear);
    expect(statements).toHaveLength(2);
  });

  test('is raised once when several processes see it at once', async () => {
    const raised = await Promise.all([1, 2, 3, 4].map((n) => raise(db, dead(n))));
    expect(raised.filter((alert) => alert !== null)).toHaveLength(1);
    expect(await alerts()).toHaveLength(1);
  });

  test('is over when nobody has seen it for two minutes, and a new alert when it comes back', async () => {
    await raise(db, dead(1));
    // In a transaction, to which it is one time.
    await db.transaction(async (trx) => {
      await ageLastSight(120, trx);
      expect(await endUnseen(trx)).toEqual([]);
    });
    await ageLastSight(121);
    expect(await endUnseen(db)).toMatchObject([{ cause: 'fulfillments_dead', over_at: expect.any(Date) }]);
    expect(await endUnseen(db)).toEqual([]);
    expect(await raise(db, dead(1))).not.toBeNull();
    expect(await alerts()).toHaveLength(2);
  });

  test('that nobody knows of is refused by the database', async () => {
    await expect(db('alerts').insert({ cause: 'bad_mood', details: {} })).rejects.toThrow(
      'alerts_cause_known',
    );
  });
});

describe('telling', () => {
  test('a channel that fails is told later, one that was reached is not told again', async () => {
    const [chat, mail] = [notebook('webhook'), notebook('mail')];
    mail.broken = true;
    await raise(db, dead(1));
    await tell([chat, mail]);
    expect(await alerts()).toMatchObject([{ told: ['webhook:raised'], next_attempt_at: expect.any(Date) }]);
    await tell([chat, mail]);
    await db('alerts').update({ attempts: 20 });
    await makeDue();
    await tell([chat, mail]);
    const [{ next_attempt_at }] = await alerts();
    expect(next_attempt_at.getTime() - Date.now()).toBeLessThanOrEqual(10 * 60 * 1_000);
    mail.broken = false;
    await makeDue();
    await tell([chat, mail]);
    expect([chat.told, mail.told]).toEqual([['fulfillments_dead:raised'], ['fulfillments_dead:raised']]);
    expect(await alerts()).toMatchObject([{ next_attempt_at: null }]);
  });

  test('what is over by the time that a channel works again is told as over, once', async () => {
    const [chat, mail] = [notebook('webhook'), notebook('mail')];
    mail.broken = true;
    await raise(db, dead(1));
    await tell([chat, mail]);
    await ageLastSight(121);
    await endUnseen(db);
    mail.broken = false;
    await tell([chat, mail]);
    await makeDue();
    await tell([chat, mail]);
    expect(chat.told).toEqual(['fulfillments_dead:raised', 'fulfillments_dead:over']);
    expect(mail.told).toEqual(['fulfillments_dead:over']);
  });

  test('what nobody was told of and is long over is told no more, as where the first channel comes after months', async () => {
    const chat = notebook('webhook');
    const ended = (hours: number) =>
      db('alerts').update({ over_at: db.raw(`now() - ? * interval '1 hour'`, [hours]) });
    await raise(db, dead(1));
    await ended(25);
    await tell([chat]);
    expect(chat.told).toEqual([]);
    await ended(23);
    await tell([chat]);
    await raise(db, { ...dead(1), cause: 'notifications_dead' });
    await tell([chat]);
    await ended(25);
    await makeDue();
    await tell([chat]);
    expect(chat.told).toEqual([
      'fulfillments_dead:over',
      'notifications_dead:raised',
      'notifications_dead:over',
    ]);
  });

  test('what is due for the longest is told first', async () => {
    const chat = notebook('webhook');
    await raise(db, dead(1));
    await raise(db, { ...dead(1), cause: 'notifications_dead' });
    await makeDue();
    await db('alerts')
      .where({ cause: 'notifications_dead' })
      .update({ next_attempt_at: new Date(0) });
    await tell([chat]);
    expect(chat.told).toEqual(['notifications_dead:raised', 'fulfillments_dead:raised']);
  });

  test('one process tells while another looks on', async () => {
    await raise(db, dead(1));
    const other = await db.transaction();
    await claimUntold(other);
    const chat = notebook('webhook');
    await tell([chat]);
    await other.commit();
    await tell([chat]);
    expect(chat.told).toEqual([]);
  });

  test('a claim whose process was killed ends, and another process tells', async () => {
    await raise(db, dead(1));
    await claimUntold(db);
    await db('alerts').update({ next_attempt_at: db.raw(`next_attempt_at - interval '60 seconds'`) });
    const chat = notebook('webhook');
    await tell([chat]);
    expect(chat.told).toEqual(['fulfillments_dead:raised']);
  });

  test('a process whose claim ended settles nothing any more', async () => {
    await raise(db, dead(1));
    const late = (await claimUntold(db)) as Alert;
    await makeDue();
    await claimUntold(db);
    await settleTold(db, late, { told: ['webhook:raised'], pauseMs: null });
    expect(await alerts()).toMatchObject([{ told: [], next_attempt_at: expect.any(Date) }]);
  });

  test('the end of a cause while its beginning is being told is told as well', async () => {
    await raise(db, dead(1));
    const claimed = (await claimUntold(db)) as Alert;
    await ageLastSight(121);
    await endUnseen(db);
    await settleTold(db, claimed, { told: ['webhook:raised'], pauseMs: null });
    const chat = notebook('webhook');
    await tell([chat]);
    expect(chat.told).toEqual(['fulfillments_dead:over']);
  });

  test('a process that stops waits for no channel, and leaves the alert to another one', async () => {
    await raise(db, dead(1));
    const stop = new AbortController();
    const asked = Promise.withResolvers<void>();
    const deaf: Channel = {
      name: 'webhook',
      tell: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    };
    const telling = tell([deaf], stop.signal);
    await asked.promise;
    stop.abort();
    await telling;
    expect(await alerts()).toMatchObject([{ told: [], next_attempt_at: expect.any(Date) }]);
  });
});

test.each([302, 404, 500])(
  'a chat that answers %i was not reached, and no redirect is followed',
  async (status) => {
    chat.posts.length = 0;
    chat.status = status;
    const alert = (await raise(db, dead(1))) as Alert;
    const telling = webhookChannel(chat.url, 'Mugs').tell(alert, new AbortController().signal);
    await expect(telling).rejects.toThrow(`the webhook answered ${status}`);
    expect(chat.posts).toHaveLength(1);
  },
);
