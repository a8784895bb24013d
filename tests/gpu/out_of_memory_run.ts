/**
 * A process that opens an engine, lets the system give it no more than 500 MB of
 * further memory, and runs a phase that needs more; prints the error as JSON.
 */
import { realEnv, SignetError } from "../../src/env/mod.ts";
import { openEngine } from "../../src/phases/mod.ts";
import { soloCommunicator } from "../../src/training/mod.ts";
import { tinyConfig } from "../helpers/mod.ts";

const [data, folder] = Deno.args as [string, string];

async function limitMemory(more: number): Promise<void> {
  const status = await Deno.readTextFile("/proc/self/status");
  const used = 1024 * Number(/^VmSize:\s+(\d+) kB$/m.exec(status)![1]);
  const { success } = await new Deno.Command("prlimit", {
    args: [`--pid=${Deno.pid}`, `--as=${used + more}`],
  }).output();
  if (!success) throw new Error("prlimit failed");
}

using engine = await openEngine({
  env: realEnv,
  config: tinyConfig(data, {
    globalBatch: 512,
    student: { patch: 4, dim: 128, depth: 6, heads: 2 },
    phases: { baseline: { images: 512 } },
  }),
  communicator: soloCommunicator(),
  runFolder: folder,
  cacheFolder: `${folder}/cache`,
  form: "register",
  stopRequested: () => false,
  onProgress: () => {},
  onStep: () => {},
  log: () => {},
});
await limitMemory(500 * 2 ** 20);
const error = await engine.runPhase("baseline").catch((error) => error);
const { name, message } = error as Error;
const hint = error instanceof SignetError ? error.hint : undefined;
// deno-lint-ignore no-console
console.log(JSON.stringify({ name, message, hint }));
