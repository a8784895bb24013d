/**
 * One rank of the bench (RANK SIZE CREDENTIALS [TUNING-FOLDER]): a process that carries out collectives and measures
 * ceilings as the bench asks for them, one JSON request a line.
 */
import { TextLineStream } from "@std/streams/text-line-stream";
import { tuningFolder as openTuningFolder } from "../../cluster/communicator/tuning_folder.ts";
import { readCredentials } from "../../cluster/links/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { Ceilings } from "./ceilings.ts";
import { type CallRequest, timedCalls } from "./timed_calls.ts";
import { openWorlds } from "./worlds.ts";

type Request =
  | { do: "about" }
  | CallRequest & { do: "call" }
  | { do: "nats"; bytes: number; lanes: number }
  | { do: "tcp"; bytes: number }
  | { do: "cpu"; pid: number };

const [rank, size, path, tuningFolder] = Deno.args;
const place = { rank: Number(rank), size: Number(size) };
const credentials = await readCredentials(path!);
// What was measured before does not count, what is measured now is kept.
const tunings = tuningFolder === undefined ? undefined : {
  ...openTuningFolder(realEnv.disk, tuningFolder),
  read: () => Promise.resolve(undefined),
};
const worlds = await openWorlds(place, credentials, tunings);
const ceilings = new Ceilings(worlds.comm("nats"), credentials);

function answer(request: Request): Promise<unknown> | unknown {
  switch (request.do) {
    case "about":
      return { ...place, deno: Deno.version.deno, tuning: worlds.tuning };
    case "call":
      return timedCalls(worlds, request);
    case "nats":
      return ceilings.nats(request);
    case "tcp":
      return ceilings.tcp(request);
    case "cpu":
      return cpuOf(request.pid);
  }
}

/** CPU milliseconds of a process so far, in ticks of 10 ms. */
async function cpuOf(pid: number): Promise<{ ms: number }> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { ms: 10 * (Number(fields[11]) + Number(fields[12])) };
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
for await (const line of lines) {
  let reply: unknown;
  try {
    reply = await answer(JSON.parse(line));
  } catch (error) {
    reply = { error: error instanceof Error ? error.stack : String(error) };
  }
  // deno-lint-ignore no-console
  console.log(`@reply ${JSON.stringify(reply)}`);
}
await ceilings.close();
await worlds.close();
