import { deepStrictEqual } from "node:assert";
import { type ProfilePart, traceOf } from "../../src/run/profile.ts";

function partOf(rank: number, starts: readonly number[]): ProfilePart {
  return {
    phase: "teacher",
    rank,
    steps: 1,
    stepMs: 1,
    gpuMs: 1,
    rows: [],
    spans: starts.map((start) => ({ track: "gpu", name: "op", start, ms: 2 })),
  };
}

Deno.test("traceOf() counts from the first span of all ranks, of which there may be any number", () => {
  const many = Array.from({ length: 300_000 }, (_, i) => 5000 + i);
  const { traceEvents } = traceOf([
    partOf(10, many),
    partOf(2, [4999.5]),
    partOf(3, []),
  ]);
  const named = traceEvents.filter(({ name }) => name === "process_name");
  deepStrictEqual(named.map(({ pid }) => pid), [2, 3, 10]);
  const spans = traceEvents.flatMap((event) => "ts" in event ? [event] : []);
  deepStrictEqual(spans.length, many.length + 1);
  deepStrictEqual([spans[0]?.ts, spans[0]?.pid], [500, 10]);
  deepStrictEqual([spans.at(-1)?.ts, spans.at(-1)?.pid], [0, 2]);
});
