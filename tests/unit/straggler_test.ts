import { deepStrictEqual, match, strictEqual } from "node:assert";
import { StragglerWatch } from "../../src/phases/straggler_watch.ts";
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

Deno.test("StragglerWatch names a rank that is late in nearly every step, not ranks that are late in turn", () => {
  const verdictOf = (lateOf: (step: number) => number) => {
    const watch = new StragglerWatch();
    for (let step = 0; step < 100; step++) {
      const late = lateOf(step);
      const ranks = [0, 1].map((rank) => ({
        readyMs: rank === late ? 100 : 60,
        waitMs: rank === late ? 1 : 41,
        roundTripMs: 1,
      }));
      watch.add({ totalMs: 100, ranks });
    }
    return watch.verdict;
  };
  const found = verdictOf((step) => step % 20 === 7 ? 0 : 1);
  strictEqual(found?.rank, 1);
  strictEqual(found.cause, "compute");
  // By medians rank 1 is 40 % of a step late here too.
  strictEqual(verdictOf((step) => step % 4 === 0 ? 0 : 1), undefined);
  strictEqual(verdictOf((step) => step < 40 ? 0 : 1), undefined);
});
