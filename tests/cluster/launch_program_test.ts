import { deepStrictEqual, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { launchProgram } from "../../cluster/launch/launch_program.ts";

Deno.test("launchProgram() starts no rank when it is interrupted before", async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const end = await launchProgram({
    env: realEnv,
    size: 1,
    program: ["tests/cluster/launch_programs.ts", "print"],
    denoOptions: [],
    variables: {},
    server: {},
    elsewhere: {
      host: "127.0.0.1",
      command: () => [],
      warning: "the last word before the ranks",
    },
    onWarning: () => stop.abort(130),
    onLine: (_rank, _stream, line) => lines.push(line),
    signal: stop.signal,
    atOnce: new AbortController().signal,
  });
  strictEqual(end.code, 130);
  deepStrictEqual(lines, []);
});
