import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, SetupError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import { ensureCluster } from './cluster.ts';
import { type Connection, connectWhenReady } from './connection.ts';
import { freePort } from './free-port.ts';
import { type Home, lastLines, spawnAtHome } from './home.ts';
import { findPostmaster, mark } from './postmaster.ts';

export interface StartOptions {
  readonly binaries: (home: Home) => Promise<Binaries>;
  readonly settings: Readonly<Record<string, string>>;
  /** Whether no process relies on the server: only then may it get new data or another port. */
  readonly alone: boolean;
  readonly signal: AbortSignal;
}

/** A connection to the server that runs on this data, whoever started it. */
export async function adoptServer(home: Home, signal: AbortSignal): Promise<Connection | undefined> {
  const runs = async () => (await findPostmaster(home)) !== undefined;
  return (await runs()) ? connectWhenReady(home, { runs, signal }) : undefined;
}

/** How long to try where the obstacle goes away by itself. */
const PATIENCE_MS = 10_000;

/** @throws {SetupError} with what the server said, where it does not start */
export async function startServer(home: Home, options: StartOptions): Promise<Connection> {
  const binaries = await options.binaries(home);
  if (options.alone) await ensureCluster(home, binaries);
  else await refuseAcrossContainers(home);
  const deadline = performance.now() + PATIENCE_MS;
  let port = Number(/"port=(\d+)"/.exec(await lastOptions(home))?.[1]) || (await freePort());
  for (;;) {
    const started = await startPostmaster(home, binaries, { ...options, port });
    if (typeof started !== 'string') return started;

    const portIsTaken = started.includes('could not create any TCP/IP sockets');
    // The children of a killed postmaster take a moment to notice.
    const predecessorIsLeaving = started.includes('pre-existing shared memory block');
    if (portIsTaken && options.alone && performance.now() < deadline) port = await freePort();
    else if (predecessorIsLeaving && performance.now() < deadline) await pause(50);
    else throw new SetupError(`PostgreSQL did not start on ${home.data}:\n${started}`);
  }
}

/** PostgreSQL notes down the command line of its last start. */
const lastOptions = (home: Home): Promise<string> =>
  readFile(join(home.data, 'postmaster.opts'), 'utf8').catch(() => '');

/** A living server is invisible across containers, and so is its shared memory: a second one would ruin the data. */
async function refuseAcrossContainers(home: Home): Promise<void> {
  if ((await lastOptions(home)).includes(await mark(home))) return;
  throw new SetupError(
    `${home.dir} is in use by a process in another container. Stop that one, or set DATABASE_URL for both.`,
  );
}

const MAX_LOG_BYTES = 8 * 1024 * 1024;

/** A connection to the new server, or what it said before it ended. */
async function startPostmaster(
  home: Home,
  { bin }: Binaries,
  { port, settings, signal }: StartOptions & { port: number },
): Promise<Connection | string> {
  // No server of ours runs here. PostgreSQL itself would take any living program with the pid in a file that was left
  // for one, and stumble over a file that a power cut left empty; a real rival it still sees by its shared memory.
  await rm(join(home.data, 'postmaster.pid'), { force: true });

  await using log = await open(home.serverLog, 'a+', 0o600);
  if ((await log.stat()).size > MAX_LOG_BYTES) await log.truncate();
  const { size: begin } = await log.stat();

  const fixed = {
    listen_addresses: '127.0.0.1',
    // A socket's path may have 107 bytes; the directory's may exceed them.
    unix_socket_directories: '',
    port,
  };
  const all = Object.entries({ timezone: 'UTC', log_timezone: 'UTC', ...settings, ...fixed });
  const assignments = [...all.map(([name, value]) => `${name}=${value}`), await mark(home)];
  const server = spawnAtHome(
    home,
    join(bin, 'postgres'),
    (dir) => ['-D', join(dir, 'data'), ...assignments.flatMap((assignment) => ['-c', assignment])],
    { output: log.fd },
  );
  server.unref();
  let end: string | undefined;
  const ended = once(server, 'exit').then(
    ([code, signal]) => {
      end = `It ended with ${signal ?? `exit code ${code}`}.`;
    },
    (error) => {
      end = messageOf(error);
    },
  );

  const connection = await connectWhenReady(home, { runs: async () => end === undefined, signal }).catch(
    async (error) => {
      // Before it has written its pid, whoever stops servers could not find it, and it would stay for ever.
      if (signal.aborted && server.kill('SIGINT')) await ended;
      throw error;
    },
  );
  if (connection) return connection;
  const output = (await readFile(home.serverLog)).subarray(begin).toString();
  return lastLines(output + end);
}
