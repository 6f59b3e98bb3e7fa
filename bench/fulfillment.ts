import { drained, owedIn } from './support/audit.ts';
import { freshDeliveries } from './support/events.ts';
import { expectAnswers, type Load, offer, saturate } from './support/load.ts';
import type { BenchDatabase } from './support/postgres.ts';
import type { Server } from './support/process.ts';
import type { Report, Rig } from './support/rig.ts';
import { medians, percentile } from './support/statistics.ts';

const BACKLOG = 20_000;
/** A usual load, and how long it lasts. */
const PER_SECOND = 200;
const USUAL_SECONDS = 10;
/** What the web takes while the worker drains, or does not. */
const INGEST_PER_SECOND = 500;
const INGEST_SECONDS = 8;
/**
 * Before either is counted. A process that has just started compiles what it runs: stalls of 60 to 180 ms in its first two
 * seconds were the p99 of all eight.
 */
const WARM_UP_SECONDS = 5;

interface Surroundings {
  readonly stripe: Server;
  readonly receiver: Server;
  readonly mailbox: Server;
}

/**
 * The worker as it runs in production, beside the web in one process: with Stripe, a receiver and a mail server that cost
 * as little as they can, each a process of its own on the same machine.
 */
export async function benchFulfillment(rig: Rig, { rounds }: { rounds: number }): Promise<Report> {
  await using stripe = await rig.startPeer('stripe');
  await using receiver = await rig.startPeer('receiver');
  await using mailbox = await rig.startPeer('mailbox');
  const around = { stripe, receiver, mailbox };
  const drains: Awaited<ReturnType<typeof drain>>[] = [];
  const usual: Awaited<ReturnType<typeof atUsualLoad>>[] = [];
  const ingest: Awaited<ReturnType<typeof ingestBesideDrain>>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    drains.push(await drain(rig, around));
    usual.push(await atUsualLoad(rig, around));
    ingest.push(await ingestBesideDrain(rig, around));
  }
  const figures = {
    rounds,
    backlog: BACKLOG,
    drain: mediansOf(drains),
    paidToDelivered: { perSecond: PER_SECOND, ...mediansOf(usual) },
    ingest: { perSecond: INGEST_PER_SECOND, ...mediansOf(ingest) },
  };
  const { drain: drained, paidToDelivered, ingest: web } = figures;
  const lines = [
    `A backlog of ${BACKLOG} orders: ${drained.perSecond} orders/s; ${drained.perSecondWithMails}/s until the last mail is sent`,
    `From paid to delivered at ${PER_SECOND} orders/s: ${paidToDelivered.p50} ms, p99 ${paidToDelivered.p99} ms`,
    `An event's answer at ${INGEST_PER_SECOND}/s, p99: ${web.aloneP99} ms alone, ${web.besideP99} ms beside a draining worker (x ${web.ratioP99}), ${web.apartP99} ms with that worker in a process of its own (x ${web.ratioApartP99})`,
  ];
  return { figures, lines };
}

/** From the first call of the receiver until the last order is fulfilled, and until the last mail is sent. */
async function drain(rig: Rig, around: Surroundings) {
  await using database = await rig.postgres.createDatabase();
  await oweBacklog(rig, database);
  const cpu = (service?: Server) => ({
    service: service ? rig.cpu(service).server : 0,
    postgres: rig.cpu(around.stripe).postgres,
    stripe: rig.cpu(around.stripe).server,
    receiver: rig.cpu(around.receiver).server,
    mailbox: rig.cpu(around.mailbox).server,
  });
  const before = cpu();
  await using service = await startService(rig, database, around);
  const { firstCall } = await untilNothingIsOwed(database, around);
  const after = cpu(service);
  const { rows } = await database.db.raw<{ rows: [{ fulfilled: number; sent: number }] }>(
    `select (select extract(epoch from max(fulfilled_at)) from fulfillments)::float8 as fulfilled,
       (select extract(epoch from max(sent_at)) from notifications)::float8 as sent`,
  );
  const [{ fulfilled, sent }] = rows;
  const us = (part: keyof typeof after) => ((after[part] - before[part]) / BACKLOG) * 1e6;
  return {
    perSecond: BACKLOG / (fulfilled - firstCall),
    perSecondWithMails: BACKLOG / (sent - firstCall),
    serviceUs: us('service'),
    postgresUs: us('postgres'),
    stripeUs: us('stripe'),
    receiverUs: us('receiver'),
    mailboxUs: us('mailbox'),
  };
}

/** Milliseconds from an order's `paid_at`, before its event is answered, until the receiver has it. */
async function atUsualLoad(rig: Rig, around: Surroundings) {
  await using database = await rig.postgres.createDatabase();
  await using service = await startService(rig, database, around);
  await offerAll(service, PER_SECOND, USUAL_SECONDS);
  const owed = await untilNothingIsOwed(database, around);
  const latencies = owed.latencies.slice(WARM_UP_SECONDS * PER_SECOND);
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    max: percentile(latencies, 1),
  };
}

/**
 * What a delivery waits for its answer: of a process that only takes events, of one that drains a backlog beside, and of one
 * that only takes events while a process of its own drains the backlog.
 */
async function ingestBesideDrain(rig: Rig, around: Surroundings) {
  const alone = await webAlone(rig);
  const beside = await webBesideWorker(rig, around, ['all']);
  const apart = await webBesideWorker(rig, around, ['web', 'worker']);
  return {
    aloneP50: alone.p50,
    aloneP99: alone.p99,
    besideP50: beside.p50,
    besideP99: beside.p99,
    ratioP99: beside.p99 / alone.p99,
    apartP50: apart.p50,
    apartP99: apart.p99,
    ratioApartP99: apart.p99 / alone.p99,
  };
}

async function webAlone(rig: Rig): Promise<Load> {
  await using database = await rig.postgres.createDatabase();
  await using service = await rig.startService(database, 'web', { ROLE: 'web' });
  // Awaited here: the service ends with the block.
  return await offerAll(service, INGEST_PER_SECOND, INGEST_SECONDS);
}

async function webBesideWorker(
  rig: Rig,
  around: Surroundings,
  roles: readonly ['all'] | readonly ['web', 'worker'],
): Promise<Load> {
  await using database = await rig.postgres.createDatabase();
  await oweBacklog(rig, database);
  await using started = new AsyncDisposableStack();
  const processes: Server[] = [];
  for (const role of roles) processes.push(started.use(await startService(rig, database, around, role)));
  const load = await offerAll(processes[0] as Server, INGEST_PER_SECOND, INGEST_SECONDS);
  if (!(await owedIn(database)).orders) throw new Error('the backlog ended before the load did');
  await untilNothingIsOwed(database, around);
  return load;
}

function startService(
  rig: Rig,
  database: BenchDatabase,
  { stripe, receiver, mailbox }: Surroundings,
  role: 'all' | 'web' | 'worker' = 'all',
) {
  return rig.startService(database, role, {
    ROLE: role,
    STRIPE_API_BASE: stripe.url,
    FULFILLMENT_URL: `${receiver.url}/orders`,
    FULFILLMENT_SECRET: `whsec_${Buffer.alloc(24, 'bench').toString('base64')}`,
    SMTP_URL: mailbox.url,
    MAIL_FROM: 'Bench <shop@example.com>',
  });
}

async function offerAll(service: Server, perSecond: number, seconds: number): Promise<Load> {
  const target = { url: service.url, connections: 64 };
  await offer(target, freshDeliveries(perSecond * WARM_UP_SECONDS), perSecond);
  const load = await offer(target, freshDeliveries(perSecond * seconds), perSecond);
  expectAnswers(load.answers, 200);
  return load;
}

/** Orders that came in while no worker ran. */
async function oweBacklog(rig: Rig, database: BenchDatabase): Promise<void> {
  await using web = await rig.startService(database, 'web', { ROLE: 'web' });
  await saturate({ url: web.url, connections: 64 }, freshDeliveries(BACKLOG));
  await database.db.raw('vacuum analyze');
  await database.db.raw('checkpoint');
}

/**
 * Until every order is fulfilled and every mail sent.
 * @throws {Error} when the receiver was told of an order twice or never, or a mail is not sent
 */
async function untilNothingIsOwed(database: BenchDatabase, { receiver }: Surroundings) {
  await drained(database, 600);
  const calls = (await (await fetch(receiver.url)).json()) as [id: string, at: number][];
  const arrivals = new Map(calls);
  const { rows: orders } = await database.db.raw<{
    rows: { id: string; paid: number; mail: string | null }[];
  }>(
    `select checkout_session_id as id, extract(epoch from paid_at)::float8 * 1000 as paid, notifications.status as mail
     from orders left join notifications on order_id = orders.id
     order by orders.id`,
  );
  const never = orders.filter(({ id }) => !arrivals.has(id));
  const unsent = orders.filter(({ mail }) => mail !== 'sent');
  if (never.length + unsent.length > 0 || calls.length !== orders.length)
    throw new Error(
      `of ${orders.length} orders ${never.length} were never delivered and ${unsent.length} mails not sent, in ${calls.length} calls`,
    );
  return {
    firstCall: Math.min(...arrivals.values()) / 1_000,
    latencies: orders.map(({ id, paid }) => (arrivals.get(id) as number) - paid),
  };
}

function mediansOf<Key extends string>(rounds: readonly Record<Key, number>[]): Record<Key, number> {
  return medians(rounds, Object.keys(rounds[0] as object) as Key[]);
}
