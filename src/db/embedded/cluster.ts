import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { messageOf, SetupError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import { type Home, lastLines, spawnAtHome } from './home.ts';

const unfinished = 'initdb-';

/** Makes the data directory if there is none yet, and refuses one that these binaries can't read. */
export async function ensureCluster(home: Home, binaries: Binaries): Promise<void> {
  for (const name of await readdir(home.dir)) {
    // The orphan of a killed start may still be writing; it fails once its directory is gone.
    if (name.startsWith(unfinished)) await rm(join(home.dir, name), { recursive: true, maxRetries: 10 });
  }
  if (!existsSync(home.data)) return createCluster(home, binaries);

  const version = await readFile(join(home.data, 'PG_VERSION'), 'utf8').catch((error) => {
    throw new SetupError(
      `${home.data} is there, and is no PostgreSQL's: ${messageOf(error)}. Put back what it was, or delete it and start again.`,
    );
  });
  const major = version.trim();
  if (Number(major) === binaries.major) return;
  throw new SetupError(
    `${home.data} was made by PostgreSQL ${major}, which the PostgreSQL ${binaries.major} found here can't read. ` +
      'Three ways on:\n' +
      `  - set DATABASE_URL to a PostgreSQL ${major} server that has the data\n` +
      '  - where it ran until now, move its rows to a server of your own: docs/operating.md, "Moving to another PostgreSQL"\n' +
      `  - if it is only a sandbox: delete ${home.dir} and start again`,
  );
}

/** PostgreSQL's own rules of letters, the same on every machine. The C locale, which older servers get, knows A to Z alone. */
const ANY_CASE = ['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'];

/** Under a temporary name, so that a kill in the middle leaves nothing that looks like a database. */
async function createCluster(home: Home, binaries: Binaries): Promise<void> {
  const name = unfinished + randomBytes(4).toString('hex');
  await mkdir(join(home.dir, name), { mode: 0o700 });
  await rm(home.password, { force: true });
  await writeFile(home.password, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true });
  if (home.user) {
    await chown(join(home.dir, name), home.user.uid, home.user.gid);
    await chown(home.password, home.user.uid, home.user.gid);
  }

  const initdb = spawnAtHome(
    home,
    join(binaries.bin, 'initdb'),
    (dir) => [
      ...['--pgdata', join(dir, name), '--username', 'postgres', '--pwfile', join(dir, 'password')],
      ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--no-instructions'],
      ...(binaries.major < 17 ? [] : ANY_CASE),
    ],
    { output: 'pipe', timeout: 60_000 },
  );
  const [output, errors, [code, signal]] = await Promise.all([
    text(initdb.stdout as Readable),
    text(initdb.stderr as Readable),
    once(initdb, 'close'),
  ]);
  if (code !== 0) {
    await rm(join(home.dir, name), { recursive: true, force: true });
    throw new SetupError(`initdb failed (${signal ?? `exit code ${code}`}):\n${lastLines(output + errors)}`);
  }
  await rename(join(home.dir, name), home.data);
  await syncDirectory(home.dir);
}

async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directories, and needs no such sync.
  if (process.platform === 'win32') return;
  await using directory = await open(path);
  await directory.sync();
}
