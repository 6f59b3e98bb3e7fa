import config from './jest.config.js';

// Read by test/faults/support/scene.ts.
process.env.FAULTS = 'long';

/** `npm run test:faults`: the faults of `npm test` in larger doses, and those that take minutes, one after the other. */
export default {
  ...config,
  testMatch: ['**/faults/*.{test,long}.ts'],
  maxWorkers: 1,
  globalSetup: './test/faults/support/setup.ts',
  globalTeardown: './test/faults/support/teardown.ts',
};
