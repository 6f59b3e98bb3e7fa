import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '../..');

/** A program of its own process that serves on `url`. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
}

interface Options {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its output goes here, as in production to a file or a collector: the sender doesn't pay for reading it. */
  readonly logFile: string;
  readonly nodeOptions?: readonly string[];
}

/** Starts a program of this repository, and resolves once it says that it listens. */
export async function startServer(
  program: string,
  { args = [], env = {}, logFile, nodeOptions = [] }: Options,
): Promise<Server> {
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [...nodeOptions, path.join(root, program), ...args], {
    cwd: path.dirname(logFile),
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', log, log],
  });
  const url = await addressOf(child, logFile);
  return { pid: child.pid as number, url, [Symbol.asyncDispose]: () => end(child) };
}

async function addressOf(child: ChildProcess, logFile: string): Promise<string> {
  for (;;) {
    const text = await readFile(logFile, 'utf8');
    const url = /"listening on (\S+)"/.exec(text)?.[1];
    if (url) return url;
    if (child.exitCode !== null) throw new Error(`it ended before it listened:\n${text}`);
    await pause(20);
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

const TICKS_PER_SECOND = 100;

/**
 * CPU seconds that a process has used, its own and the kernel's for it, and those of its children that have ended: else the
 * end of one of PostgreSQL's takes all that it used away again. Read from /proc, so on Linux only.
 */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // utime, stime, cutime and cstime of proc(5).
    const ticks = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15);
    return ticks.reduce((sum, each) => sum + Number(each), 0) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

export function residentMegabytes(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kilobytes) / 1_024;
}

/** A process and all that descend from it. One of PostgreSQL's may end meanwhile: it has no children. */
export function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    return children.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
