import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { withFiles } from "../helpers/mod.ts";

const FIXTURE = "tests/fixtures/data/imagefolder";

async function data(...args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cluster/main.ts", "data", ...args],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("data check prints counts and exits 1 when a file cannot be read", async () => {
  const good = await data("check", FIXTURE);
  strictEqual(good.code, 0, good.err);
  ok(/^letter_a +15 +5$/m.test(good.out), good.out);
  ok(/^all +45 +15$/m.test(good.out));
  const odd = await data("check", `${FIXTURE}/odd`, "--json");
  strictEqual(odd.code, 1, odd.err);
  const report = JSON.parse(odd.out);
  strictEqual(report.unreadable.length, 7);
});

Deno.test("data split prints the parts and writes the split", async () => {
  await withFiles({}, async (folder) => {
    const out = `${folder}/split.json`;
    const { code, out: text, err } = await data(
      "split",
      FIXTURE,
      "--labels-per-class=4",
      "--validation-per-class=3",
      `--out=${out}`,
    );
    strictEqual(code, 0, err);
    ok(/^labelled +12$/m.test(text), text);
    ok(/^unlabelled +24$/m.test(text));
    const saved = JSON.parse(await Deno.readTextFile(out));
    deepStrictEqual([saved.labelled.length, saved.validation.length], [12, 9]);
  });
});

Deno.test("data exits 2 with a hint for wrong arguments", async () => {
  const cases: [string[], RegExp][] = [
    [["chekc"], /unknown action/],
    [["check"], /no path/],
    [["check", "no/such"], /does not exist/],
    [["check", FIXTURE, "--kind=zip"], /hint: kinds: fashion-mnist/],
    [["split", FIXTURE], /needs 20 validation \+ 4 labelled/],
  ];
  for (const [args, reason] of cases) {
    const { code, err } = await data(...args);
    strictEqual(code, 2, err);
    ok(reason.test(err), err);
    ok(!err.includes("    at "), "no stack trace");
  }
});
