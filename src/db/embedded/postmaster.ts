import { execFile } from 'node:child_process';
import { readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SetupError } from '../../errors.ts';
import { findBinaries } from './binaries.ts';
import type { Home } from './home.ts';

/** PostgreSQL's first process, which all others are children of. */
interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** The server that runs on this data directory, whoever started it. */
export async function findPostmaster(home: Home): Promise<Postmaster | undefined> {
  const pidFile = await readFile(join(home.data, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid, , , port, , , , status] = pidFile.split('\n');
  const postmaster = { pid: Number(pid), port: Number(port), ready: status?.trim() === 'ready' };
  return postmaster.port && (await isPostmaster(home, postmaster.pid)) ? postmaster : undefined;
}

/**
 * The pid in postmaster.pid may be another program's by now: after a reboot, in a restarted container, in a copy
 * of the directory. So every server carries its data directory's device and inode on its command line: they tell a
 * copy, and follow a directory that is moved. A zombie has no command line and counts as gone.
 */
async function isPostmaster(home: Home, pid: number): Promise<boolean> {
  return (await commandLine(pid)).includes(await mark(home));
}

/** A setting that says on a server's command line which data directory it serves, in which container. */
export async function mark(home: Home): Promise<string> {
  const { dev, ino } = await stat(home.data, { bigint: true });
  const pids = await readlink('/proc/self/ns/pid').catch(() => '');
  return `embedded.data=[${dev}:${ino}:${pids}]`;
}

async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return await readFile(`/proc/${pid}/cmdline`, 'latin1');
    if (process.platform !== 'win32') return await outputOf('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
    const question = `(Get-CimInstance Win32_Process -Filter ProcessId=${pid}).CommandLine`;
    return await outputOf('powershell', ['-NoProfile', '-Command', question]);
  } catch {
    return '';
  }
}

async function outputOf(program: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { timeout: 5_000 })).stdout;
}

/** Stops the server with every connection rolled back and all of it on disk; in a hurry, with a recovery to do. */
export async function stopPostmaster(home: Home): Promise<void> {
  const postmaster = await findPostmaster(home);
  if (!postmaster) return;
  for (const { signal, patienceMs } of [
    { signal: 'INT', patienceMs: 5_000 },
    { signal: 'QUIT', patienceMs: 2_000 },
  ]) {
    // It may be gone by itself.
    await send(signal, postmaster.pid, home).catch(() => {});
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (!(await isPostmaster(home, postmaster.pid))) return;
      await pause(10);
    }
  }
  throw new SetupError(
    `PostgreSQL (pid ${postmaster.pid}) on ${home.data} does not stop. See ${home.serverLog}.`,
  );
}

async function send(signal: string, pid: number, home: Home): Promise<void> {
  if (process.platform !== 'win32') {
    process.kill(pid, `SIG${signal}`);
    return;
  }
  const { bin } = await findBinaries(home);
  await outputOf(join(bin, 'pg_ctl'), ['kill', signal, String(pid)]);
}
