import { deepStrictEqual, match } from "node:assert";
import { parseConfig } from "../../src/config/mod.ts";
import type { DataSet } from "../../src/data/mod.ts";
import { cutEdges } from "../../src/phases/cut_edges.ts";

function edges(config: unknown): string[] {
  const data = { train: { height: 28 } } as DataSet;
  return cutEdges(parseConfig(config), data);
}

Deno.test("cutEdges() says which models do not see whole images", () => {
  const teacher = { patch: 8 };
  const student = { patch: 4 };
  deepStrictEqual(edges({ data: { imageSize: 32 }, teacher, student }), []);
  // 0 leaves images as they are.
  const [first, ...rest] = edges({ data: { imageSize: 0 }, teacher, student });
  match(first!, /^the teacher never sees the last 4 of 28 pixels/);
  deepStrictEqual(rest, []);
  const off = { enabled: false };
  deepStrictEqual(
    edges({
      data: { imageSize: 0 },
      teacher,
      student,
      phases: { teacher: off, distill: off },
    }),
    [],
  );
});
