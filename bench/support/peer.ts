import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { end, type Server } from './process.ts';

/**
 * Starts a program of Debian's in the foreground, which serves on `port` of this machine alone, and resolves once it takes
 * connections. bench/install-peers.sh brings the programs.
 */
export async function startPeer(
  command: string,
  args: readonly string[],
  { port, logFile }: { port: number; logFile: string },
): Promise<Omit<Server, 'url'>> {
  const log = openSync(logFile, 'w');
  const child = spawn(command, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  await once(child, 'spawn');
  while (!(await accepts(port))) {
    if (child.exitCode !== null)
      throw new Error(`${command} ended before it listened:\n${readFileSync(logFile, 'utf8')}`);
    await pause(20);
  }
  return { pid: child.pid as number, [Symbol.asyncDispose]: () => end(child) };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
