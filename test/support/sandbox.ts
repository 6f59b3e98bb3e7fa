import { createTestDatabase } from './database.ts';
import { sandboxEnv, startTestService } from './service.ts';

/** The sandbox, its shop open, as a browser finds it. */
export async function openSandbox() {
  const { db, url } = await createTestDatabase();
  const service = await startTestService({ ...sandboxEnv, DATABASE_URL: url, SHOP_NAME: 'Mugs & More' });
  return { db, service };
}
