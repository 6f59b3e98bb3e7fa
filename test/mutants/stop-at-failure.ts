import { TestEnvironment } from 'jest-environment-node';

/** As much of jest-circus's events as is asked here. */
interface TestEvent {
  readonly name: string;
  readonly test?: { readonly errors: readonly unknown[]; mode?: 'skip' };
}

/** One failed test is enough to notice a mutant: the others of its file, each of which may wait for long, are left out. */
export default class StopAtFailure extends TestEnvironment {
  #failed = false;

  handleTestEvent({ name, test }: TestEvent): void {
    if (!test) return;
    if (name === 'test_done' && test.errors.length > 0) this.#failed = true;
    if (name === 'test_start' && this.#failed) test.mode = 'skip';
  }
}
