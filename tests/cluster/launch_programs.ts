// deno-lint-ignore-file no-console
/** Programs for the tests of `launch`, chosen by the first argument. */
import { init } from "../../mod.ts";

const [what] = Deno.args;
await using world = await init();
const { rank } = world;

if (what === "fail") {
  await world.barrier();
  if (rank === 1) Deno.exit(7);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
} else if (what === "wait") {
  console.log(`pid ${Deno.pid}`);
  await world.barrier();
  console.error("waiting");
  await world.recv({ timeoutMs: Infinity });
} else if (what === "stubborn") {
  Deno.addSignalListener("SIGTERM", () => console.error("not yet"));
  const child = new Deno.Command("sleep", { args: ["600"] }).spawn();
  console.log(`pid ${Deno.pid}`);
  console.log(`pid ${child.pid}`);
  console.error("waiting");
  await child.status;
} else if (what === "daemon") {
  // In a session of its own, with the output of this rank.
  const child = new Deno.Command("setsid", { args: ["sleep", "600"] }).spawn();
  console.log(`pid ${child.pid}`);
  console.error("waiting");
  await world.recv({ timeoutMs: Infinity });
} else if (what === "mismatch") {
  try {
    if (rank === 0) await world.allReduce(new Float32Array(3));
    else await world.allReduce(new Int32Array(3));
  } catch (error) {
    console.log((error as Error).message);
    Deno.exit(1);
  }
} else if (what === "print") {
  console.log(`argument ${Deno.args[1]}`);
  console.error("to stderr");
  await Deno.stdout.write(new TextEncoder().encode("no newline"));
}
