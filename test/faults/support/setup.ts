import setUpServer from '../../support/global-setup.ts';
import { forgetReports } from './report.ts';

export default async function setUp(): Promise<void> {
  await forgetReports();
  await setUpServer();
}
