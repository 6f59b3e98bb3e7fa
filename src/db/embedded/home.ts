import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chmod, lchown, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { messageOf, SetupError } from '../../errors.ts';

export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** The directory that holds everything of one server, and the user the server runs as when that is not ours. */
export interface Home {
  readonly dir: string;
  readonly data: string;
  readonly password: string;
  readonly serverLog: string;
  /** Held exclusively by the process that starts or stops the server. */
  readonly startLock: string;
  /** Held shared by every process that uses the server. */
  readonly attachedLock: string;
  readonly user: ServerUser | undefined;
}

/**
 * Makes the directory, with nobody let in who has no business there.
 * @throws {SetupError} where it can't be used, or nobody is there to run the server as
 */
export async function openHome(path: string): Promise<Home> {
  const dir = resolve(path);
  const data = join(dir, 'data');
  const user = process.getuid?.() === 0 ? await unprivilegedUser(data) : undefined;
  try {
    await mkdir(dir, { recursive: true });
    // Root keeps the directory itself, so that the server's user can plant no links there; it may only pass through.
    await chmod(dir, user ? 0o711 : 0o700);
  } catch (error) {
    throw new SetupError(
      `PostgreSQL's directory can't be used: ${messageOf(error)}. If another user (root?) made it, ` +
        'give it to this one, start as that one, or set DATABASE_URL.',
    );
  }
  return {
    dir,
    data,
    password: join(dir, 'password'),
    serverLog: join(dir, 'server.log'),
    startLock: join(dir, 'start.lock'),
    attachedLock: join(dir, 'attached.lock'),
    user,
  };
}

/** PostgreSQL refuses to run as root. Data that exists is served by its owner, whatever the image calls that user. */
async function unprivilegedUser(data: string): Promise<ServerUser> {
  const owner = await stat(data).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };

  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const account = ['postgres', 'nobody'].flatMap((name) => accounts.filter((it) => it[0] === name))[0];
  if (!account) {
    throw new SetupError(
      'PostgreSQL does not run as root, and /etc/passwd has neither "postgres" nor "nobody" to run it as. ' +
        'Start as another user, or set DATABASE_URL.',
    );
  }
  const user = { uid: Number(account[2]), gid: Number(account[3]) };
  // `cp -r` by root leaves a copy of the data that is root's.
  if (owner) await giveTo(user, data);
  return user;
}

async function giveTo(user: ServerUser, directory: string): Promise<void> {
  for (const name of ['', ...(await readdir(directory, { recursive: true }))]) {
    await lchown(join(directory, name), user.uid, user.gid);
  }
}

/** The environment of PostgreSQL's programs: the service's secrets stay out, only a bare name needs the PATH. */
export const environmentOf = (program: string): { env?: NodeJS.ProcessEnv } =>
  isAbsolute(program) ? { env: {} } : {};

/**
 * Spawns one of PostgreSQL's programs; `args` receives the home as the program sees it. It has a session of its own, so
 * that Ctrl-C reaches the service alone, which stops once it has started.
 *
 * Another user can't walk to a project below a /root of mode 0700, which is where containers have it. On Linux such
 * a program is therefore handed the directory open, as descriptor 3: /proc/self/fd/3 leads there without a look at
 * the parents' modes, for the program and for all that it forks. Rejected: o+x on the parents (opens somebody's
 * home to everyone), data elsewhere (nobody finds it), a bind mount (containers may not).
 */
export function spawnAtHome(
  home: Home,
  program: string,
  args: (home: string) => string[],
  { output, ...options }: { output: 'pipe' | number; timeout?: number },
): ChildProcess {
  const handle = home.user && process.platform === 'linux' ? openSync(home.dir, 'r') : undefined;
  try {
    return spawn(program, args(handle === undefined ? home.dir : '/proc/self/fd/3'), {
      ...options,
      ...home.user,
      ...environmentOf(program),
      cwd: '/',
      detached: true,
      killSignal: 'SIGKILL',
      windowsHide: true,
      stdio: ['ignore', output, output, handle ?? 'ignore'],
    });
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

export const lastLines = (output: string): string => output.trimEnd().split('\n').slice(-15).join('\n');
