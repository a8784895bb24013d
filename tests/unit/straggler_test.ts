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

Deno.test("StragglerWatch names a rank that is late over many steps, not ranks that are late in turn", () => {
  /** Who is late in a step, and by which part of it. */
  type Late = readonly [rank: number, share: number];
  const verdictsOf = (steps: number, lateOf: (step: number) => Late) => {
    const watch = new StragglerWatch();
    return Array.from({ length: steps }, (_, step) => {
      const [late, share] = lateOf(step);
      const ranks = [0, 1].map((rank) => ({
        readyMs: rank === late ? 60 + 100 * share : 60,
        waitMs: rank === late ? 1 : 1 + 100 * share,
        roundTripMs: 1,
      }));
      watch.add({ totalMs: 100, ranks });
      return watch.verdict;
    });
  };
  const slow = verdictsOf(80, () => [1, 0.2]);
  strictEqual(slow[40], undefined);
  deepStrictEqual(
    { ...slow.at(-1), share: slow.at(-1)!.share.toFixed(2) },
    { cause: "compute", rank: 1, share: "0.20" },
  );
  // Sooner if it is later, also when it is first in one step of four.
  const slower = verdictsOf(80, (step) => [step % 4 === 0 ? 0 : 1, 0.5]);
  strictEqual(slower[60]?.rank, 1);
  // In turn, each for 50 steps.
  const turns = verdictsOf(400, (step) => [Math.floor(step / 50) % 2, 0.2]);
  deepStrictEqual(turns.filter((found) => found !== undefined), []);
  // A checkpoint every 10 steps.
  const saving = verdictsOf(200, (step) => [0, step % 10 === 0 ? 3 : 0]);
  deepStrictEqual(saving.filter((found) => found !== undefined), []);
  // A rank that has recovered.
  const recovered = verdictsOf(300, (step) => [1, step < 100 ? 0.3 : 0]);
  strictEqual(recovered[100]?.rank, 1);
  strictEqual(recovered.at(-1), undefined);
});
