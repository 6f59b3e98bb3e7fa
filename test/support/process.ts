import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Knex } from '../../src/db/knex.ts';
import type { Kind } from '../../src/db/limits.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { FULFILLMENT_SECRET, startReceiver } from './receiver.ts';
import { scratchDir } from './scratch-dir.ts';
import { lineItem, startStripeApi } from './stripe-api.ts';
import { checkoutSession, type EventJson, events, SECRET } from './stripe-events.ts';
import { until } from './until.ts';

export const root = path.resolve(import.meta.dirname, '../..');
/** Where Node keeps what it has compiled: a process of the service was up after 0.6 s instead of 1.0, and the suite starts hundreds. */
export const NODE_COMPILE_CACHE = path.join(root, '.data/test-compiled');

/** Where the processes of a test file run; what they keep is in its `.data`. Gone when the file ends. */
export const workDir = await scratchDir();

/** Variables that let a process take this stream for a terminal of this kind. */
export function terminal(stream: 'stdout' | 'stderr', TERM: string) {
  const module = encodeURIComponent(`
    import { WriteStream } from 'node:tty';
    const { hasColors, getColorDepth } = WriteStream.prototype;
    Object.assign(process.${stream}, { isTTY: true, hasColors, getColorDepth });`);
  return { TERM, NODE_OPTIONS: `--import=data:text/javascript,${module}` };
}

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real process: `await using` ends it with its block, if nothing else has. */
export interface TestProcess extends AsyncDisposable {
  readonly pid: number;
  /** So far. */
  readonly written: { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<Ending>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs a program of this project with these variables and no others. */
export function run(
  program: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): TestProcess {
  return runFile(process.execPath, env, [path.join(root, program), ...args]);
}

/**
 * The same for any file that can be executed.
 * @param detached what it starts ends with it
 */
export function runFile(
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  { cwd = workDir, detached = false } = {},
): TestProcess {
  const child = spawn(file, args, {
    cwd,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
  });
  const pid = child.pid as number;
  const kill = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) process.kill(detached ? -pid : pid, signal);
  };
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      written[stream] += text;
    });
  }
  const ended = once(child, 'close').then(([code, signal]): Ending => ({ code, signal }));
  return {
    pid,
    written,
    ended,
    kill,
    async [Symbol.asyncDispose]() {
      kill('SIGKILL');
      await ended;
    },
  };
}

/** Every line that it wrote to stdout, which is its log and nothing else. */
export function logOf({ written }: TestProcess): LogLine[] {
  return written.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogLine);
}

export interface ServiceProcess extends TestProcess {
  readonly url: string;
}

/** What it writes to stdout sooner or later; an error with its last words where it ends before. */
export async function untilItWrites(
  { written, ended }: TestProcess,
  pattern: RegExp,
): Promise<RegExpExecArray> {
  const failed = ended.then(() => {
    throw new Error(`it ended before it wrote ${pattern}: ${written.stderr}`);
  });
  return Promise.race([until(`it writes ${pattern}`, () => pattern.exec(written.stdout)), failed]);
}

/** Where a starting service listens. */
export async function addressOf(service: TestProcess): Promise<string> {
  const [, url = ''] = await untilItWrites(service, /"listening on (\S+)"/);
  return url;
}

/** `npm start` on a free port, once it listens. */
export async function spawnService(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const service = run('src/main.ts', { PORT: '0', ...env });
  try {
    return { ...service, url: await addressOf(service) };
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
}

/** A busy machine may take longer to let the web in than a request waits for that. */
export function untilReady(url: string): Promise<true> {
  return until('it is ready', async () => (await fetch(`${url}/readyz`)).status === 200);
}

/** The connections that processes of the service have to this database, as PostgreSQL sees them. */
export async function connectionsOf(
  db: Knex,
  kind: Kind,
): Promise<{ readonly wait_event_type: string | null }[]> {
  return db('pg_stat_activity')
    .whereRaw('datname = current_database()')
    .where({ application_name: `checkout-fulfillment ${kind}` });
}

/**
 * Until so many of them wait for a lock.
 * @param isOver when it is of no use to wait any longer
 */
export function untilWaiting(db: Knex, kind: Kind, count: number, isOver = () => false): Promise<true> {
  return until(`${count} connections (${kind}) wait for a lock`, async () => {
    const waiting = (await connectionsOf(db, kind)).filter((it) => it.wait_event_type === 'Lock');
    return waiting.length === count || isOver();
  });
}

interface Hold extends AsyncDisposable {
  release(): Promise<void>;
}

/** A transaction in the service's way, rolled back by `release`, or else at the end of the block. */
export async function hold(db: Knex, take: (trx: Knex.Transaction) => PromiseLike<unknown>): Promise<Hold> {
  const trx = await db.transaction();
  // However long it lies there.
  await trx.raw('set local idle_in_transaction_session_timeout = 0');
  await take(trx);
  const release = async () => {
    if (!trx.isCompleted()) await trx.rollback();
  };
  return { release, [Symbol.asyncDispose]: release };
}

/** What the service works with: a database (or that one), Stripe's API, a shop's backend; and `env`, which leads to all of them. */
export async function startSurroundings(database?: TestDatabase) {
  const { url, db } = database ?? (await createTestDatabase());
  const stripe = await startStripeApi();
  const receiver = await startReceiver();
  const env = {
    DATABASE_URL: url,
    STRIPE_SECRET_KEY: 'sk_test_123',
    STRIPE_WEBHOOK_SECRET: SECRET,
    STRIPE_API_BASE: stripe.url,
    FULFILLMENT_URL: receiver.url,
    FULFILLMENT_SECRET,
  };
  /** The event of a session that Stripe's API knows as well. */
  const paidEvent = (): EventJson => {
    const session = checkoutSession();
    stripe.keep(session, [lineItem(1), lineItem(2)]);
    return events.completedPaid(session);
  };
  return { db, stripe, receiver, env, paidEvent };
}
