import { ok, strictEqual } from "node:assert";

Deno.test("messages of random sizes arrive whole and in order, and memory stays flat, while everything goes wrong", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-all",
      "--no-check",
      "--cached-only",
      "--v8-flags=--expose-gc",
      "tests/chaos/soak.ts",
      "--messages=30000",
      "--seed=7",
    ],
  }).output();
  const said = new TextDecoder().decode(stderr);
  strictEqual(code, 0, said + new TextDecoder().decode(stdout));
  const { faults, counts, messages } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  strictEqual(messages, 30_000);
  for (const fault of ["lose", "reorder", "duplicate", "corrupt", "foreign"]) {
    ok(faults[fault] > 0, fault);
  }
  strictEqual(faults.serverKilled, 4);
  ok(counts.resent > 0 && counts.duplicate > 0 && counts.corrupt > 0);
  // A frame on its way to a server that is killed reaches nobody.
  ok(counts.foreign > 0 && counts.reconnects > 0);
});
