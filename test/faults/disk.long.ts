import { execFile } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { ops } from '../support/ops.ts';
import { openPostgres, serverDir } from '../support/postgres.ts';
import { startSurroundings } from '../support/process.ts';
import { notDoneHere } from './support/report.ts';
import { conclude, databaseOn, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

const ROUNDS = 3;
const FULL_MS = 8_000;
const SETTINGS = { min_wal_size: '32MB', max_wal_size: '64MB' };
const run = promisify(execFile);

/** A disk of PostgreSQL's own, small enough to be filled at once. */
async function mountSmallDisk(): Promise<string | null> {
  const dir = await serverDir();
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', dir]);
  } catch {
    return null;
  }
  afterAll(async () => {
    await run('umount', ['--lazy', dir]);
    await rm(dir, { recursive: true });
  });
  return dir;
}

async function fill(file: string): Promise<void> {
  const ballast = await open(file, 'w');
  const block = Buffer.alloc(1024 * 1024);
  try {
    for (;;) await ballast.appendFile(block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await ballast.close();
  }
}

const dir = await mountSmallDisk();
const postgres = dir === null ? null : await openPostgres(path.join(dir, 'postgres'));
await postgres?.start(SETTINGS);
const surroundings = postgres && (await startSurroundings(databaseOn(postgres)));

test('doctor sees that the disk of PostgreSQL is full', async () => {
  if (!dir || !surroundings) return;
  const ballast = path.join(dir, 'ballast');
  await fill(ballast);
  try {
    const { stdout } = await ops(surroundings.env, 'doctor');
    expect(stdout).toMatch(/✗ database: PostgreSQL can't write: .*No space left on device/);
  } finally {
    await rm(ballast);
  }
  expect((await ops(surroundings.env, 'doctor')).stdout).toMatch(/✓ database: /);
});

test('the disk of PostgreSQL is full', async () => {
  if (!dir || !postgres || !surroundings) return notDoneHere('disk full', 'Linux, and root to mount a tmpfs');
  await using service = await openStage(surroundings.env);
  await using sender = startSender(service.url, surroundings.stripe);
  const backAt: number[] = [];
  const ballast = path.join(dir, 'ballast');
  for (let round = 0; round < ROUNDS; round += 1) {
    await sender.taken(200);
    await fill(ballast);
    await pause(FULL_MS);
    await rm(ballast);
    // It may have ended by itself, as it does when its log can't be written.
    await postgres.end('SIGQUIT');
    await postgres.start(SETTINGS);
    backAt.push(performance.now());
  }
  await sender.taken(200);
  const done = `${ROUNDS} times for ${FULL_MS / 1_000} s, then PostgreSQL is started anew`;
  await conclude({ fault: 'disk full', done, sender, surroundings, backAt });
}, 600_000);
