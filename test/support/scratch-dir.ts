import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { atEnd } from './at-end.ts';

/** A folder of the test file's own, gone when the file ends. A process that is yet to be ended may still be writing there. */
export async function scratchDir(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'checkout-fulfillment-'));
  atEnd(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  return dir;
}
