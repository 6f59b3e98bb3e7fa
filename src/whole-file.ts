import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';

/** Writes a file of the owner's alone, which nobody ever reads in part: under a name that begins with its own, then renamed. */
export async function writeWhole(file: string, content: string | Buffer | Readable): Promise<void> {
  const draft = `${file}.${randomUUID()}.tmp`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, file);
}
