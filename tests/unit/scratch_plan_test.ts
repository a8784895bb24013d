import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert";
import * as fc from "fast-check";
import { Device, Program } from "../../src/gpu/mod.ts";
import { type Lifetime, planScratch } from "../../src/gpu/scratch_plan.ts";

const lifetimes = fc.array(
  fc.record({
    bytes: fc.integer({ min: 1, max: 100 }),
    start: fc.integer({ min: 0, max: 40 }),
    length: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(Infinity)),
  }).map(({ bytes, start, length }): Lifetime => ({
    bytes,
    start,
    end: start + length,
  })),
  { maxLength: 60 },
);

Deno.test("planScratch() gives no two tensors one buffer at a time, and each a large enough one", () => {
  fc.assert(
    fc.property(lifetimes, (all) => {
      const { sizes, tensors } = planScratch(all);
      tensors.forEach(({ bytes, buffer }, i) => {
        deepStrictEqual(bytes, all[i]!.bytes);
        ok(bytes <= sizes[buffer]!);
        for (let j = 0; j < i; j++) {
          if (tensors[j]!.buffer !== buffer) continue;
          const [a, b] = [all[i]!, all[j]!];
          ok(a.end <= b.start || b.end <= a.start, `${i} meets ${j}`);
        }
      });
      // No buffer is larger than what lies in it.
      sizes.forEach((size, buffer) => {
        const tenants = tensors.filter((tensor) => tensor.buffer === buffer);
        deepStrictEqual(size, Math.max(...tenants.map(({ bytes }) => bytes)));
      });
    }),
    { seed: 20_240_601, endOnFailure: true },
  );
});

Deno.test("planScratch() needs no more than what lives at once when small tensors follow large ones", () => {
  // A pool that serves them as they come puts the first small one apart.
  const { sizes } = planScratch([
    { bytes: 10, start: 0, end: 1 },
    { bytes: 100, start: 2, end: 3 },
    { bytes: 20, start: 4, end: 6 },
    { bytes: 30, start: 5, end: 7 },
  ]);
  deepStrictEqual(sizes, [100, 20]);
});

Deno.test("Program.scratch() leaves the plan where a tensor is still in the buffer that it names", () => {
  using device = Device.dry({
    adapter: { name: "dry", vendor: 0, device: 0, cpu: false },
    form: "tiled",
  });
  using first = new Program(device);
  first.release(first.scratch([8]));
  first.release(first.scratch([8]));
  const { scratchPlan } = first;
  strictEqual(scratchPlan.sizes.length, 1);

  using same = new Program(device, scratchPlan);
  const taken = same.scratch([8]);
  same.release(taken);
  strictEqual(same.scratch([8]).buffer, taken.buffer);

  using other = new Program(device, scratchPlan);
  const kept = other.scratch([8]);
  notStrictEqual(other.scratch([8]).buffer, kept.buffer);
});
