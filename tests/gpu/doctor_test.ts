import { deepStrictEqual, match, ok, strictEqual } from "node:assert";

interface Report {
  usable: boolean;
  checks: { name: string; status: string; detail: string; hint?: string }[];
}

async function doctor(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--cached-only",
      "--frozen",
      "--node-modules-dir=manual",
      "--allow-all",
      "cluster/main.ts",
      "doctor",
      ...args,
    ],
    env: { DENO_WEBGPU_BACKEND: "vulkan", ...env },
  }).output();
  const decoder = new TextDecoder();
  const out = decoder.decode(stdout);
  ok(out !== "", decoder.decode(stderr));
  return { code, out };
}

Deno.test("doctor finds this machine usable and its numbers right", async () => {
  const { code, out } = await doctor(["--json"]);
  const report = JSON.parse(out) as Report;
  deepStrictEqual(
    report.checks.filter(({ status }) => status === "error"),
    [],
  );
  deepStrictEqual(report.checks.map(({ name }) => name), [
    "runtime",
    "permissions",
    "cache",
    "disk",
    "nats",
    // Of an NVIDIA GPU there would be "nodes" and "files" too.
    "driver",
    "loader",
    "devices",
    "adapter",
    "binding",
    "buffers",
    "readback",
    "numbers",
    "kernels",
    "shaders",
  ]);
  strictEqual(report.usable, true);
  strictEqual(code, 0);
});

Deno.test("doctor exits 3 with a hint when there is no adapter", async () => {
  const env = {
    VK_DRIVER_FILES: "/none.json",
    VK_ICD_FILENAMES: "/none.json",
  };
  const { code, out } = await doctor([], env);
  strictEqual(code, 3);
  match(out, /^error {2}devices +VK-07: no Vulkan driver answers from \/none/m);
  match(out, /^error {2}adapter .*\n +hint .*run\.sh/m);
  match(out, /\nnot usable: mend the errors above\n$/);
});

Deno.test("doctor explains a code", async () => {
  const { code, out } = await doctor(["--explain", "vk-04"]);
  strictEqual(code, 0);
  match(out, /^VK-04: .*\n\n(?:.*\n)*.*--extract-only/);
});

Deno.test("doctor --cluster measures ranks alone, together and their links", async () => {
  const { code, out } = await doctor(["--cluster", "--ranks", "2"]);
  const lines = out.trimEnd().split("\n");
  match(
    lines[0]!,
    /^rank +host +GPU +GFLOP\/s alone +together +GB\/s to next$/,
  );
  for (const rank of [0, 1]) {
    const figures = lines[1 + rank]!.split(/ {2,}/).slice(-3).map(Number);
    strictEqual(lines[1 + rank]!.startsWith(`${rank} `), true);
    ok(figures.every((figure) => figure > 0), out);
  }
  const names = lines.slice(3).map((line) => line.split(/ {2,}/)[1]);
  deepStrictEqual(
    ["sharing", "gemm", "links"].filter((name) => !names.includes(name)),
    [],
  );
  const slowest = Math.min(
    ...[1, 2].map((line) => Number(lines[line]!.split(/ {2,}/).at(-2))),
  );
  const [, gflops] = / --ranks 2 --gflops ([\d.]+)$/.exec(lines.at(-2)!)!;
  ok(Math.abs(Number(gflops) / slowest - 1) < 0.1, out);
  strictEqual(code, 0);
});
