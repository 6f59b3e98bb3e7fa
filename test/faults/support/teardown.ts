import tearDownServer from '../../support/global-teardown.ts';
import { printTable } from './report.ts';

export default async function tearDown(): Promise<void> {
  await tearDownServer();
  await printTable();
}
