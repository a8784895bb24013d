import { deepStrictEqual, match } from "node:assert";
import {
  describeStraggler,
  findStraggler,
  type RankMeans,
} from "../../src/run/mod.ts";

function ranks(
  ...rows: [readyMs: number, waitMs: number, roundTripMs: number][]
): RankMeans[] {
  return rows.map(([readyMs, waitMs, roundTripMs]) => ({
    readyMs,
    waitMs,
    roundTripMs,
  }));
}

Deno.test("findStraggler() names the rank that is ready late while the others wait", () => {
  const found = findStraggler(
    ranks([60, 40, 1], [98, 2, 1], [62, 38, 1], [61, 39, 1]),
    100,
  );
  deepStrictEqual(found, { cause: "compute", rank: 1, share: 0.37 });
  match(describeStraggler(found!), /^rank 1 is slow \(compute\).* 37 % of/);
});

Deno.test("findStraggler() blames no rank for a late start that nobody waits for", () => {
  deepStrictEqual(findStraggler(ranks([60, 3, 1], [98, 2, 1]), 100), undefined);
  deepStrictEqual(findStraggler(ranks([95, 5, 1], [94, 6, 1]), 100), undefined);
  deepStrictEqual(findStraggler(ranks([60, 40, 1]), 100), undefined);
  deepStrictEqual(findStraggler([], 100), undefined);
  deepStrictEqual(findStraggler(ranks([0, 0, 0], [0, 0, 0]), 0), undefined);
});

Deno.test("findStraggler() blames the link when all wait, and a rank whose round trip stands out", () => {
  const alike = findStraggler(ranks([50, 50, 1], [52, 48, 1.5]), 100);
  deepStrictEqual(alike, { cause: "link", share: 0.48 });
  match(describeStraggler(alike!), /\(link\): all wait 48 % of each step/);
  const far = findStraggler(
    ranks([50, 50, 1], [52, 48, 1], [51, 49, 30]),
    100,
  );
  deepStrictEqual(far, { cause: "link", rank: 2, share: 0.48 });
  match(describeStraggler(far!), /^rank 2 is slow \(link\)/);
  // Nothing is known of the way.
  deepStrictEqual(
    findStraggler(ranks([50, 50, 0], [52, 48, 0]), 100),
    { cause: "link", share: 0.48 },
  );
});
