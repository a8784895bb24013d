import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { CollectiveRow } from "../../bench/collectives/collective_rows.ts";
import { Pattern } from "../../bench/collectives/pattern.ts";
import {
  busFactor,
  bytesMoved,
  parseSize,
  sizeName,
} from "../../bench/collectives/sizes.ts";

async function bench(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; err: string; rows: CollectiveRow[] }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--cached-only",
      "--no-lock",
      "--config=bench/deno.json",
      "--permission-set=bench",
      "bench/main.ts",
      "collectives",
      ...args,
      "--json",
    ],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder().decode(stdout);
  return {
    code,
    err: new TextDecoder().decode(stderr),
    rows: text === "" ? [] : JSON.parse(text).rows,
  };
}

Deno.test("parseSize() reads powers of two and refuses what holds no f32", () => {
  deepStrictEqual(["8", "64K", "88M", "1MB"].map(parseSize), [
    8,
    65536,
    92274688,
    1048576,
  ]);
  deepStrictEqual([8, 65536, 92274688].map(sizeName), [
    "8 B",
    "64 KB",
    "88 MB",
  ]);
  for (const wrong of ["", "7", "10", "1T", "-8", "2G"]) {
    let message = "";
    try {
      parseSize(wrong);
    } catch (error) {
      message = String(error);
    }
    match(message, /Cannot use the size/);
  }
});

Deno.test("busFactor() and bytesMoved() are those of a ring", () => {
  strictEqual(busFactor("all_reduce", 4), 1.5);
  strictEqual(bytesMoved("all_reduce", 4, 100), 600);
  strictEqual(bytesMoved("all_gather", 4, 100), 300);
  strictEqual(bytesMoved("broadcast", 4, 100), 300);
});

Deno.test("Pattern counts wrong values", () => {
  const values = new Float32Array(9001);
  const pattern = new Pattern(2, 3);
  pattern.fill(values);
  strictEqual(values[5000], 5000 % 4096 % 61 + 2);
  ok(pattern.wrongCopies(values) > 0);
  const sums = values.map((_, i) => 3 * (i % 4096 % 61) + 3);
  strictEqual(pattern.wrongSums(sums), 0);
  strictEqual(pattern.wrongSums(sums.subarray(4500), 4500), 0);
  sums[8999]! += 1;
  strictEqual(pattern.wrongSums(sums), 1);
});

Deno.test("bench collectives checks every call over every link and names the share", async () => {
  const { code, err, rows } = await bench([
    "--ranks=3",
    "--size=1M",
    "--rounds=1",
    "--calls=3",
  ]);
  strictEqual(code, 0, err);
  const found = new Set(rows.map(({ name, link }) => `${name} ${link}`));
  for (const link of ["nats", "direct", "library"]) {
    for (
      const name of [
        "all_reduce",
        "broadcast",
        "all_gather",
        "reduce_scatter",
        "barrier",
      ]
    ) ok(found.has(`${name} ${link}`), `${name} ${link}`);
  }
  for (const row of rows) {
    strictEqual(row.wrong, 0, `${row.name} ${row.link}`);
    strictEqual(row.ranks, 3);
    ok(row.ms > 0 && row.p99_us >= row.p50_us);
    if (row.name !== "barrier") ok(row.ratio! > 0, `${row.name} ${row.link}`);
  }
});

Deno.test("bench collectives sums bf16 beside f32 behind a capped line", async () => {
  const { code, err, rows } = await bench([
    "--cap=200Mbit",
    "--ranks=3",
    "--size=512K",
    "--rounds=1",
    "--calls=1",
  ]);
  strictEqual(code, 0, err);
  deepStrictEqual(
    rows.map(({ link, precision, wrong }) => [
      link,
      precision,
      wrong,
    ]),
    [["nats", "f32", 0], ["nats-bf16", "bf16", 0]],
  );
});

Deno.test("bench collectives says what is missing, and fails when it is required", async () => {
  const bin = await Deno.makeTempDir({ prefix: "signet-path-" });
  const has = (folder: string, name: string) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  };
  const folders = Deno.env.get("PATH")!.split(":");
  for (const name of ["sh", "nats-server"]) {
    const folder = folders.find((folder) => has(folder, name));
    await Deno.symlink(`${folder}/${name}`, `${bin}/${name}`);
  }
  const { code, err } = await bench(
    ["--ranks=2", "--size=8", "--call=barrier", "--require-peers"],
    { PATH: bin },
  );
  await Deno.remove(bin, { recursive: true });
  strictEqual(code, 3, err);
  match(err, /openmpi-tcp/);
});

Deno.test("bench collectives refuses what it cannot measure", async () => {
  for (
    const wrong of ["--ranks=1", "--size=9", "--link=pigeon", "--cap=1Tbit"]
  ) {
    const { code, err } = await bench([wrong]);
    strictEqual(code, 2, err);
  }
});
