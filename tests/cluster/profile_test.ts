import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { ProfilePart } from "../../src/run/mod.ts";
import {
  command,
  readJson,
  teacherOnly,
  withTinyRun,
} from "./train_process.ts";

interface TraceEvent {
  ph: string;
  name: string;
  pid: number;
  tid: number;
  ts: number;
  dur: number;
}

Deno.test("train --profile prints the time of every op and writes a trace of GPU and host", async () => {
  await withTinyRun(async ({ folder, config }) => {
    for (const ranks of [1, 2]) {
      const run = `${folder}/run-${ranks}`;
      const { code, stdout, stderr } = await command([
        "train",
        config,
        "--profile",
        `--ranks=${ranks}`,
        `--run-dir=${run}`,
        ...teacherOnly(14),
      ]);
      strictEqual(code, 0, stderr);
      match(stdout, /^profile {2}teacher, rank 0: 8 steps of [\d.]+ ms/m);
      match(stdout, /^ {2}gemm nt +\d+ +[\d.]+ +[\d.]+ % +[\d.]+ +[\d.]+$/m);
      match(stdout, /^trace {4}.*trace\.json$/m);

      const trace = await readJson(`${run}/trace.json`);
      const events = trace.traceEvents as TraceEvent[];
      for (let rank = 0; rank < ranks; rank++) {
        const part = await readJson(
          `${run}/profile/teacher.rank-${rank}.json`,
        ) as unknown as ProfilePart;
        const { rows, gpuMs, stepMs, steps } = part;
        strictEqual(steps, 8);
        const sum = rows.reduce((total, { ms }) => total + ms, 0);
        ok(Math.abs(sum - gpuMs) <= 1e-6 * gpuMs, `${sum} of ${gpuMs}`);
        const shares = rows.reduce((total, { share }) => total + share, 0);
        ok(Math.abs(shares - 1) < 1e-6, `${shares}`);
        // The GPU cannot work for longer than the host waits.
        if (ranks === 1) ok(gpuMs <= 1.1 * stepMs, `${gpuMs} in ${stepMs}`);
        ok(rows.every(({ ms }) => ms >= 0), JSON.stringify(rows));
        const product = rows.find(({ op }) => op === "gemm nt")!;
        ok(product.gflops! > 0 && product.gbs! > 0);
        strictEqual(
          rows.some(({ op }) => op === "(pause between pieces)"),
          ranks > 1,
        );

        const own = events.filter(({ pid, ph }) => pid === rank && ph === "X");
        const names = (tid: number) =>
          new Set(own.filter((event) => event.tid === tid).map((e) => e.name));
        ok(names(1).has("gemm nt") && names(1).has("adamw"));
        for (const name of ["prepare", "submit", "read", "checkpoint"]) {
          ok(names(2).has(name), name);
        }
        strictEqual(names(2).has("communicate"), ranks > 1);
        ok(own.every(({ ts, dur }) => ts >= 0 && dur >= 0));
        // On one clock: what the GPU does lies between the host's spans.
        const [gpu, host] = [1, 2].map((tid) => {
          const spans = own.filter((event) => event.tid === tid);
          return [
            Math.min(...spans.map(({ ts }) => ts)),
            Math.max(...spans.map(({ ts, dur }) => ts + dur)),
          ] as const;
        });
        ok(gpu![0] > host![0] - 5000 && gpu![1] < host![1] + 5000);
      }
      deepStrictEqual(
        events.filter(({ name }) => name === "process_name").length,
        ranks,
      );
    }
  });
});
