import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { Sampler } from "../../src/data/mod.ts";
import { shuffle } from "../../src/random.ts";

const INDICES = Int32Array.from({ length: 13 }, (_, i) => 100 + 3 * i);

function epochOf(sampler: Sampler, epoch: number): number[] {
  return Array.from(INDICES, (_, i) => sampler.at(epoch * 13 + i));
}

Deno.test("Sampler.at() gives every image once an epoch, in the order of the shuffle", () => {
  const sampler = new Sampler(INDICES, 5, 9);
  strictEqual(sampler.length, 13);
  for (const epoch of [0, 1, 2, 1000]) {
    const order = epochOf(sampler, epoch);
    deepStrictEqual(
      order,
      Array.from(shuffle(13, 5, 9, epoch), (i) => INDICES[i]),
    );
    deepStrictEqual(order.toSorted((a, b) => a - b), [...INDICES]);
  }
  ok(String(epochOf(sampler, 0)) !== String(epochOf(sampler, 1)));
});

Deno.test("Sampler.at() does not depend on what was asked before", () => {
  const forwards = new Sampler(INDICES, 1, 2);
  const expected = Array.from({ length: 52 }, (_, i) => forwards.at(i));
  const jumping = new Sampler(INDICES, 1, 2);
  for (let k = 0; k < 208; k++) {
    const position = (k * 29) % 52;
    strictEqual(jumping.at(position), expected[position]);
  }
  const resumed = new Sampler(INDICES, 1, 2);
  deepStrictEqual(
    Array.from({ length: 20 }, (_, i) => resumed.at(32 + i)),
    expected.slice(32),
  );
});

Deno.test("Sampler.at() differs by seed and by purpose", () => {
  const orders = [[1, 2], [2, 2], [1, 3]].map(([seed, purpose]) =>
    String(epochOf(new Sampler(INDICES, seed!, purpose!), 0))
  );
  strictEqual(new Set(orders).size, 3);
});

Deno.test("Sampler() throws without images", () => {
  throws(() => new Sampler(new Int32Array(), 1, 2), RangeError);
});
