import { deepStrictEqual, ok, strictEqual } from "node:assert";
import {
  findCycle,
  type Import,
  importGraph,
  partOf,
} from "../helpers/import_graph.ts";

const graph = await importGraph();

function arrows(imports: readonly Import[]): string[] {
  return imports.map(({ from, to }) => `${from} -> ${to}`);
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

Deno.test("importGraph() sees the product", () => {
  const has = (from: string, to: string) =>
    graph.some((edge) => edge.from === from && edge.to === to);
  ok(has("src/gpu/mod.ts", "src/gpu/device.ts"));
  ok(has("src/env/mod.ts", "src/env/real.ts"));
  ok(has("cluster/commands/test.ts", "src/env/mod.ts"));
});

Deno.test("findCycle() names a cycle and passes a diamond", () => {
  const diamond = [["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"]] as const;
  strictEqual(findCycle(diamond), undefined);
  deepStrictEqual(findCycle([...diamond, ["d", "b"]]), ["b", "d", "b"]);
});

Deno.test("files import each other without cycles", () => {
  const code = graph.filter((edge) => !edge.type);
  const cycle = findCycle(code.map(({ from, to }) => [from, to] as const));
  deepStrictEqual(cycle, undefined);
});

Deno.test("folders import each other without cycles", () => {
  const edges = graph
    .map(({ from, to }) => [partOf(from), partOf(to)] as const)
    .filter(([from, to]) => from !== to && /^(src|cluster)\//.test(to));
  deepStrictEqual(findCycle(edges), undefined);
});

Deno.test("src/ imports nothing from cluster/, tests/ or bench/", () => {
  const wrong = graph.filter(({ from, to }) =>
    from.startsWith("src/") && isIn(to, ["cluster", "tests", "bench"])
  );
  deepStrictEqual(arrows(wrong), []);
});

Deno.test("cluster/ imports nothing from tests/ or bench/", () => {
  const wrong = graph.filter(({ from, to }) =>
    from.startsWith("cluster/") && isIn(to, ["tests", "bench"])
  );
  deepStrictEqual(arrows(wrong), []);
});

/** Whoever needs no more must not load a whole engine. */
const CONTRACTS = [
  "src/phases/engine.ts",
  "src/phases/verdict.ts",
  "src/phases/work.ts",
  "src/training/communicator.ts",
];

Deno.test("a folder is entered through its mod.ts", () => {
  const entered = new Set(
    graph.map(({ to }) => to).filter((to) => to.endsWith("/mod.ts")).map(
      partOf,
    ),
  );
  const wrong = graph.filter(({ from, to }) =>
    partOf(from) !== partOf(to) && entered.has(partOf(to)) &&
    to.endsWith(".ts") && !to.endsWith("/mod.ts") && !CONTRACTS.includes(to)
  );
  ok(entered.size > 5);
  deepStrictEqual(arrows(wrong), []);
});

Deno.test("a mod.ts only re-exports", async () => {
  const parts = new Set(
    graph.flatMap(({ from, to }) => [from, to])
      .filter((path) => /^(src|cluster)\/.*\/mod\.ts$/.test(path)),
  );
  ok(parts.size > 5);
  for (const path of parts) {
    const text = (await Deno.readTextFile(path))
      .replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")
      .replace(/export (type )?(\*( as \w+)?|\{[^}]*\})\s*from "[^"]+";/g, "");
    strictEqual(text.trim(), "", `${path} holds more than re-exports`);
  }
});

Deno.test("zod is imported only by schema files and the protocol", () => {
  const wrong = graph.filter(({ from, to }) =>
    /^npm:\/?zod@/.test(to) && !from.endsWith("/schema.ts") &&
    from !== "cluster/protocol.ts"
  );
  ok(graph.some(({ to }) => /^npm:\/?zod@/.test(to)));
  deepStrictEqual(arrows(wrong), []);
});

Deno.test("NATS is imported only by cluster/links and cluster/launch", () => {
  const wrong = graph.filter(({ from, to }) =>
    /^npm:\/?@nats-io\//.test(to) &&
    !isIn(from, ["cluster/links", "cluster/launch"])
  );
  ok(graph.some(({ to }) => /^npm:\/?@nats-io\//.test(to)));
  deepStrictEqual(arrows(wrong), []);
});

Deno.test("the product imports no package meant for tests, and nothing by URL", () => {
  const wrong = graph.filter(({ to }) =>
    !isIn(to, ["mod.ts", "src", "cluster", "deno.json"]) &&
    !/^(node:|npm:\/?(zod|@nats-io\/transport-node)@)/.test(to)
  );
  deepStrictEqual(arrows(wrong), []);
});
