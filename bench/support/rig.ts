import { mkdirSync } from 'node:fs';
import path from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { WEBHOOK_SECRET } from './events.ts';
import { type BenchDatabase, type Postgres, startPostgres } from './postgres.ts';
import { cpuSeconds, familyOf, type Server, startServer } from './process.ts';

/** As `npm start` does it. */
const start = manifest.scripts.start.split(' ');
const [program = '', nodeOptions] = [start.at(-1), start.slice(1, -1)];

/** What every part of the bench measures with: one machine, one PostgreSQL, this service as it starts in production. */
export interface Rig extends AsyncDisposable {
  /** For logs and scratch files; below `.data`, which nobody keeps. */
  readonly dir: string;
  readonly postgres: Postgres;
  /** The service whole, on a free port, with what production needs and what `env` adds. */
  startService(database: BenchDatabase, name: string, env: Readonly<Record<string, string>>): Promise<Server>;
  startRival(name: 'ceiling' | 'naive', args?: readonly string[]): Promise<Server>;
  /** What stands around the service, each as cheap as it gets. */
  startPeer(name: 'echo' | 'stripe' | 'receiver' | 'mailbox'): Promise<Server>;
  /** CPU seconds so far: of the sender (this process), of a server, of PostgreSQL with all its processes. */
  cpu(server: Server): Readonly<Record<'sender' | 'server' | 'postgres', number>>;
}

/** A part of the bench says what it found in lines for a person, and as an object for a file. */
export interface Report {
  readonly lines: readonly string[];
  readonly figures: object;
  /** An SVG beside the figures, for the README. */
  readonly chart?: string;
}

export async function openRig(): Promise<Rig> {
  const dir = path.resolve(import.meta.dirname, '../../.data/bench');
  mkdirSync(dir, { recursive: true });
  const postgres = await startPostgres(path.join(dir, 'postgres'));
  const logFile = (name: string) => path.join(dir, `${name}.log`);
  return {
    dir,
    postgres,
    startService: (database, name, env) =>
      startServer(program, {
        nodeOptions,
        logFile: logFile(name),
        env: { ...environment(database), ...env },
      }),
    startRival: (name, args = []) => startServer(`bench/rivals/${name}.ts`, { logFile: logFile(name), args }),
    startPeer: (name) => startServer(`bench/peers/${name}.ts`, { logFile: logFile(name) }),
    cpu: (server) => {
      const { user, system } = process.cpuUsage();
      const ofPostgres = familyOf(postgres.pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
      return { sender: (user + system) / 1e6, server: cpuSeconds(server.pid), postgres: ofPostgres };
    },
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  };
}

function environment(database: BenchDatabase): Record<string, string> {
  return {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: database.url,
    STRIPE_SECRET_KEY: 'sk_test_bench',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  };
}
