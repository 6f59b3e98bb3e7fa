import { rmSync } from 'node:fs';
import path from 'node:path';
import { startNginx } from './nginx.ts';
import { startPgbouncer } from './pgbouncer.ts';
import type { BenchDatabase } from './postgres.ts';
import type { Server } from './process.ts';
import type { Rig } from './rig.ts';

/** Which processes of the service run, and what stands before and behind them. */
export interface Layout {
  readonly all?: number;
  readonly web?: number;
  readonly worker?: number;
  readonly nginx?: boolean;
  readonly pgbouncer?: boolean;
}

/** The service whole, with a Stripe and a shop around it. */
export interface Stack extends AsyncDisposable {
  readonly database: BenchDatabase;
  /** Where deliveries go: nginx, or the one process that takes them. */
  readonly url: string;
  readonly processes: readonly Process[];
  /** What the receiver was told: how often, and of how many orders. */
  told(): Promise<{ calls: number; orders: number }>;
}

export interface Process extends Server {
  readonly role: 'all' | 'web' | 'worker';
  readonly logFile: string;
}

export async function openStack(rig: Rig, layout: Layout): Promise<Stack> {
  await using opening = new AsyncDisposableStack();
  const logFile = (name: string) => path.join(rig.dir, `${name}.log`);
  const database = opening.use(await rig.postgres.createDatabase());
  const stripe = opening.use(await rig.startPeer('stripe'));
  const receiver = opening.use(await rig.startPeer('receiver'));
  const calls: [id: string, at: number][] = [];
  // Mails become files below the directory in which the processes run.
  opening.defer(() => rmSync(path.join(rig.dir, '.data'), { recursive: true, force: true }));
  const pooler = layout.pgbouncer ? opening.use(await poolerOf(rig, database)) : database;

  const processes: Process[] = [];
  for (const role of ['all', 'web', 'worker'] as const) {
    for (let n = 1; n <= (layout[role] ?? 0); n += 1) {
      const server = await rig.startService(database, `${role}-${n}`, {
        ROLE: role,
        DATABASE_URL: pooler.url,
        STRIPE_API_BASE: stripe.url,
        FULFILLMENT_URL: `${receiver.url}/orders`,
        FULFILLMENT_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      });
      processes.push({ ...opening.use(server), role, logFile: logFile(`${role}-${n}`) });
    }
  }
  const doors = takers(processes);
  const front = layout.nginx
    ? opening.use(
        await startNginx(
          rig.dir,
          doors.map(({ url }) => url),
        ),
      )
    : (doors[0] as Process);

  const opened = opening.move();
  return {
    database,
    url: front.url,
    processes,
    told: async () => {
      calls.push(...((await (await fetch(receiver.url)).json()) as [id: string, at: number][]));
      return { calls: calls.length, orders: new Map(calls).size };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Those that take deliveries. */
export function takers(processes: readonly Process[]): Process[] {
  return processes.filter(({ role }) => role !== 'worker');
}

/** pgbouncer, and the limits that it can't pass on as the role's own: docs/scaling.md. */
async function poolerOf(rig: Rig, database: BenchDatabase) {
  const { username, pathname } = new URL(database.url);
  const limits = {
    statement_timeout: '4s',
    lock_timeout: '2s',
    idle_in_transaction_session_timeout: '10s',
  };
  for (const [name, value] of Object.entries(limits)) {
    await database.db.raw(`alter role :role: in database :database: set ${name} = '${value}'`, {
      role: username,
      database: pathname.slice(1),
    });
  }
  return startPgbouncer(rig.dir, database);
}
