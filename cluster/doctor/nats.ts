import type { Env } from "../../src/env/mod.ts";
import { findNatsServer, startNatsServer } from "../launch/mod.ts";
import type { Check } from "./check.ts";
import { outputOf } from "../gpus/mod.ts";

/** Starts a server of our own, as a run does, and stops it. */
export async function checkNats(env: Env): Promise<Check> {
  const binary = await findNatsServer();
  const version = await outputOf(binary, ["--version"]);
  const folder = `.tools/cache/doctor-${Deno.pid}`;
  try {
    const start = env.clock.now();
    await using server = await startNatsServer({
      env,
      folder,
      run: "doctor",
      binary,
    });
    const ms = Math.round(env.clock.now() - start);
    return {
      name: "nats",
      status: "ok",
      detail: `${version ?? "nats-server"} at ${binary}, started in ${ms} ms`,
      facts: { binary, version: version ?? null, url: server.url },
    };
  } finally {
    await env.disk.remove(folder);
  }
}
