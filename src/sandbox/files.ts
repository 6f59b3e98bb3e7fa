import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeWhole } from '../whole-file.ts';

/** What the stand-in keeps, by Stripe's ids. */
export interface Files<T> {
  find(id: string): Promise<T | null>;
  save(id: string, value: T): Promise<void>;
  all(): Promise<T[]>;
}

/** One file each and nothing in memory, so any number of processes share a directory and a restart forgets nothing. */
export async function openFiles<T>(dir: string, prefix: string): Promise<Files<T>> {
  await mkdir(dir, { recursive: true });
  const name = new RegExp(`^${prefix}[A-Za-z0-9]+$`);
  const fileOf = (id: string) => join(dir, `${id}.json`);

  async function find(id: string): Promise<T | null> {
    if (!name.test(id)) return null;
    try {
      return JSON.parse(await readFile(fileOf(id), 'utf8')) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  return {
    find,
    async save(id, value) {
      if (!name.test(id)) throw new Error(`${id} is no id that is kept here`);
      await writeWhole(fileOf(id), JSON.stringify(value));
    },
    async all() {
      const found: T[] = [];
      for (const file of await readdir(dir)) {
        const value = await find(basename(file, '.json'));
        if (value !== null) found.push(value);
      }
      return found;
    },
  };
}
