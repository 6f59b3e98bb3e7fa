import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Scratch, takeScratch } from '../../src/db/scratch.ts';

/** Small ones share the size of their places, large ones have their own. */
const size = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 500_000, max: 600_000 }));

test('what is written stays until it is disposed of, whoever else takes and gives back', () => {
  const steps = fc.array(fc.record({ size, giveBack: fc.nat() }), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (all) => {
      const taken: { scratch: Scratch; mark: number }[] = [];
      all.forEach((step, mark) => {
        const scratch = takeScratch(step.size, (place) => {
          place.fill(mark, 0, step.size);
          return step.size;
        });
        taken.push({ scratch, mark });
        if (step.giveBack % 2 === 1)
          for (const { scratch } of taken.splice(step.giveBack % taken.length, 1)) scratch[Symbol.dispose]();
        // In one go: byte by byte, half a megabyte took most of the time.
        for (const { scratch, mark } of taken)
          expect(Buffer.alloc(scratch.bytes.length, mark).equals(scratch.bytes)).toBe(true);
      });
      for (const { scratch } of taken) scratch[Symbol.dispose]();
    }),
  );
});

test('a place is used again, and so no new one is made for each batch', () => {
  const take = () => takeScratch(10, () => 10);
  const first = take();
  const place = first.bytes.buffer;
  first[Symbol.dispose]();
  using again = take();
  using other = take();
  expect(again.bytes.buffer).toBe(place);
  expect(other.bytes.buffer).not.toBe(place);
});
