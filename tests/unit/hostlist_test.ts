import { deepStrictEqual, ok, throws } from "node:assert";
import fc from "fast-check";
import { ConfigError } from "../../src/env/mod.ts";
import { expandCounts, expandHostlist } from "../../cluster/slurm/mod.ts";

Deno.test("expandHostlist() reads brackets, paddings and several brackets in a name", () => {
  deepStrictEqual(expandHostlist("n1"), ["n1"]);
  deepStrictEqual(
    expandHostlist("gpu[01-03,07],login1"),
    ["gpu01", "gpu02", "gpu03", "gpu07", "login1"],
  );
  deepStrictEqual(
    expandHostlist("r[1-2]n[09-10]-ib"),
    ["r1n09-ib", "r1n10-ib", "r2n09-ib", "r2n10-ib"],
  );
  deepStrictEqual(expandHostlist("c[8-11]"), ["c8", "c9", "c10", "c11"]);
});

Deno.test("expandHostlist() undoes what folds names into ranges", () => {
  const name = fc.stringMatching(/^[a-z]{1,4}$/);
  const range = fc.tuple(
    fc.nat(1200),
    fc.nat(40),
    fc.integer({ min: 1, max: 6 }),
  );
  const pattern = fc.array(fc.tuple(name, fc.array(range, { maxLength: 3 })), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(fc.property(pattern, (parts) => {
    const written = parts.map(([name, ranges]) =>
      ranges.length === 0
        ? name
        : `${name}[${
          ranges.map(([first, more, width]) => {
            const [low, high] = [first, first + more].map((number) =>
              String(number).padStart(width, "0")
            );
            return more === 0 ? low : `${low}-${high}`;
          }).join(",")
        }]`
    ).join(",");
    const plain = parts.flatMap(([name, ranges]) =>
      ranges.length === 0
        ? [name]
        : ranges.flatMap(([first, more, width]) =>
          Array.from({ length: more + 1 }, (_, i) =>
            name + String(first + i).padStart(
              Math.max(width, String(first).length),
              "0",
            ))
        )
    );
    deepStrictEqual(expandHostlist(written), plain);
  }));
});

Deno.test("expandHostlist() answers any text with hosts or a ConfigError", () => {
  const letters = fc.stringMatching(/^[a-c0-9[\],x-]{0,14}$/);
  fc.assert(fc.property(letters, (text) => {
    try {
      const hosts = expandHostlist(text);
      ok(hosts.length > 0 && hosts.every((host) => /^[\w.-]+$/.test(host)));
    } catch (error) {
      ok(error instanceof ConfigError, String(error));
    }
  }));
  throws(() => expandHostlist("n[1-99999999]"), /more than 65536 hosts/);
});

Deno.test("expandCounts() reads the tasks of each node", () => {
  deepStrictEqual(expandCounts("4(x2),3"), [4, 4, 3]);
  throws(() => expandCounts("4(x"), ConfigError);
});
