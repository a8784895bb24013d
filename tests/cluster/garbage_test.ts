import { ok, strictEqual } from "node:assert";

Deno.test("an all-reduce leaves no garbage in proportion to its data", async () => {
  const bytes = 16 * 2 ** 20;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-all",
      "--no-check",
      "--cached-only",
      // Nothing is collected in the middle of a call.
      "--v8-flags=--expose-gc,--min-semi-space-size=64,--max-semi-space-size=128",
      "tests/cluster/garbage_ranks.ts",
      `${bytes}`,
    ],
  }).output();
  strictEqual(code, 0, new TextDecoder().decode(stderr));
  const garbage = JSON.parse(new TextDecoder().decode(stdout))[bytes];
  // One copy would be at least as much as is sent, all the bytes once.
  ok(garbage > 0 && garbage < bytes / 10, `${garbage} of ${bytes}`);
});
