import { type Binaries, findBinaries, findSystemBinaries } from '../../src/db/embedded/binaries.ts';
import type { Home } from '../../src/db/embedded/home.ts';

/** The PostgreSQL that tests run on: what the service would take, or with TEST_POSTGRES=installed what is on the PATH. */
export async function testBinaries(home: Home): Promise<Binaries> {
  if (process.env.TEST_POSTGRES !== 'installed') return findBinaries(home);
  const installed = await findSystemBinaries(home);
  if (installed === undefined) throw new Error('there is no PostgreSQL on the PATH');
  return installed;
}
