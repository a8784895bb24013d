import { deepStrictEqual, ok } from "node:assert";
import { TrackedInts } from "../../src/phases/tracked_ints.ts";

Deno.test("TrackedInts saves what is there, until it is asked again", () => {
  const ints = new TrackedInts(4, -1);
  ints.set(0, 7);
  const saved = ints.save();
  deepStrictEqual([...ints], [7, -1, -1, -1]);
  deepStrictEqual(JSON.stringify({ saved }), '{"saved":[7,-1,-1,-1]}');
  ints.set(2, 5);
  ints.set(2, 6);
  ints.set(3, 1);
  deepStrictEqual(Array.from(saved), [7, -1, -1, -1]);
  deepStrictEqual(Array.from(ints.save()), [7, -1, 6, 1]);
});

Deno.test("TrackedInts goes back to what was saved, and on from there", () => {
  const ints = new TrackedInts(3, 0);
  const before = ints.save();
  ints.set(1, 4);
  ints.restore(before);
  deepStrictEqual([...ints], [0, 0, 0]);
  ints.set(2, 9);
  deepStrictEqual(Array.from(ints.save()), [0, 0, 9]);
  ints.restore([3, 2, 1]);
  deepStrictEqual(Array.from(ints.save()), [3, 2, 1]);
});

Deno.test("TrackedInts keeps what was saved though everything changes often", () => {
  const ints = new TrackedInts(2, 0);
  const saved = ints.save();
  for (let value = 1; value <= 9; value++) ints.set(value % 2, value);
  deepStrictEqual(Array.from(saved), [0, 0]);
  deepStrictEqual(Array.from(ints.save()), [8, 9]);
  deepStrictEqual(
    Array.from(saved),
    [0, 0],
    "it had too many changes to follow",
  );
});

Deno.test("TrackedInts of any changes saves what a copy would", () => {
  const ints = new TrackedInts(50, 0);
  const plain = new Int32Array(50);
  let state = 1;
  const random = (below: number) => {
    state = Math.imul(state, 48271) >>> 0;
    return state % below;
  };
  for (let step = 0; step < 200; step++) {
    for (let change = random(9); change > 0; change--) {
      const [place, value] = [random(50), random(1000)];
      ints.set(place, value);
      plain[place] = value;
    }
    if (random(3) > 0) deepStrictEqual(Array.from(ints.save()), [...plain]);
  }
  ok(plain.some((value) => value > 0));
});
