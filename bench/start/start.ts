import { SignetError } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { median, spread } from "../common/measure.ts";
import type { Row } from "../common/rows.ts";
import type { Verb } from "../common/verb.ts";
import { figure, percent } from "../common/rows.ts";
import { table } from "../../cluster/console.ts";
import { startsOf } from "./first_step.ts";

export const start: Verb = {
  about:
    "from the start of the process to the first finished step, cold and warm",
  help: `Usage: bench start [options]

Starts \`train\` with the default model on one rank and generated images, and
takes the time until it reports its first step: when no shader is compiled and the
adapter's kernel form not measured, then with what this start has left.

  --runs N           starts of each kind, default 3
`,
  string: [],
  boolean: [],
  number: ["runs"],
  async run(options, log) {
    const runs = Math.max(1, options.number("runs") ?? 3);
    using device = await Device.open();
    const { adapter, form } = device;
    const seconds = { cold: [] as number[], warm: [] as number[] };
    for await (const { kind, time, loss } of startsOf(runs)) {
      if (!Number.isFinite(loss)) {
        throw new SignetError(`Cannot time a start: its first loss is ${loss}`);
      }
      log(`${kind}  ${time.toFixed(2)} s`);
      seconds[kind].push(time);
    }
    const rows = Object.entries(seconds).map(([kind, times]): Row => ({
      name: "start",
      shape: `default ${kind}`,
      form,
      precision: "f32",
      unit: "s",
      median: median(times),
      spread: spread(times),
      runs,
      ms: 1000 * median(times),
      best: Math.min(...times),
      wrong: 0,
    }));
    return { adapter, rows, missing: [] };
  },
  table: ({ rows }) =>
    table([
      ["start", "seconds", "spread", "best"],
      ...rows.map((row) => [
        row.shape,
        figure(row.median),
        percent(row.spread),
        figure(row.best as number),
      ]),
    ]),
};
