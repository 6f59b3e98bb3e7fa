import { runService } from '../../src/run.ts';
import { packingSlips } from './packing-slips.ts';

await runService(packingSlips('.data/packing-slips'));
