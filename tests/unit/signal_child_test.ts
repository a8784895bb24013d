import { strictEqual } from "node:assert";
import { signalChild } from "../../cluster/launch/mod.ts";

Deno.test("signalChild() ends a child, and has nothing to say when it has ended", async () => {
  const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  signalChild(child, "SIGKILL");
  strictEqual((await child.status).signal, "SIGKILL");
  signalChild(child, "SIGKILL");
});
