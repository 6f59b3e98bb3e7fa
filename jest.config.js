export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  globalSetup: './test/support/global-setup.ts',
  globalTeardown: './test/support/global-teardown.ts',
  // Files wait for a third of their time: on two cores two of them left the third idle, and Jest's own default, which is one, more.
  maxWorkers: 3,
  // What a file has loaded stays in its worker, some 12 MB each, and all of it is looked through for garbage again and again.
  workerIdleMemoryLimit: '500MB',
  // For a busy machine; test/support/until.ts gives up before.
  testTimeout: 180_000,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
};
