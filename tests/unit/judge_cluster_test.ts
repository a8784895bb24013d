import { deepStrictEqual, match, strictEqual } from "node:assert";
import { judgeCluster, type RankRates } from "../../cluster/doctor/mod.ts";

function rank(id: number, change: Partial<RankRates> = {}): RankRates {
  const uuid = `${id}fb6d3db-0000-0000-0000-000000000000`;
  return {
    rank: id,
    host: "n04",
    gpu: { uuid, kind: "discrete", name: "Tesla T4" },
    alone: 4000,
    together: 3950,
    link: 1.2,
    ...change,
  };
}

function lines(rates: readonly RankRates[]): string[] {
  return judgeCluster(rates).map(({ status, name, code = "", detail }) =>
    `${status} ${name} ${code} ${detail}`
  );
}

Deno.test("judgeCluster() finds nothing wrong with equal ranks of their own GPUs", () => {
  deepStrictEqual(lines([rank(0), rank(1), rank(2)]), [
    "ok sharing  3 ranks have a GPU each",
    "ok gemm  median 4000.0 GFLOP/s, no rank below 80 % of it",
    "ok links  median 1.20 GB/s, no link below 50 % of it",
  ]);
});

Deno.test("judgeCluster() names two ranks with one GPU of a machine, by UUID or by rate", () => {
  const { gpu } = rank(0);
  const [shared] = judgeCluster([rank(0), rank(1, { gpu })]);
  strictEqual(shared!.detail, "ranks 0 and 1 on n04 share GPU-0fb6d3db");
  strictEqual(shared!.code, "VK-10");
  const [apart] = lines([rank(0), rank(1, { gpu, host: "n05" })]);
  match(apart!, /^ok/);
  const [hidden] = lines([rank(0), rank(1, { together: 1900 })]);
  match(hidden!, /^error .* VK-10 rank 1 on n04 computes at 48 % of its rate/);
  const cpu = { gpu: { ...gpu, kind: "cpu" as const }, together: 1 };
  match(lines([rank(0, cpu), rank(1, cpu)])[0]!, /^ok .*the CPU/);
});

Deno.test("judgeCluster() names the slow rank and the slow link", () => {
  const rates = [rank(0), rank(1, { alone: 3000 }), rank(2, { link: 0.5 })];
  const [, gemm, links] = lines(rates);
  match(
    gemm!,
    /^warn gemm .*rank 1 \(Tesla T4 on n04\) has 3000\.0 of 4000\.0/,
  );
  match(
    links!,
    /^warn links .*rank 2 on n04 to rank 0 on n04 has 0\.50 of 1\.20/,
  );
  // One of two is as easily named.
  match(lines([rank(0), rank(1, { alone: 3000 })])[1]!, /^warn .*rank 1 /);
  strictEqual(lines([rank(0)]).length, 2);
});
