import { deepStrictEqual, match, ok, strictEqual } from "node:assert";

interface Row {
  name: string;
  shape: string;
  layout?: string;
  unit: string;
  median: number;
  ratio: number;
  wrong: number;
  [detail: string]: unknown;
}

interface Output {
  version: number;
  machine: Record<string, unknown>;
  adapter: { name: string; cpu: boolean };
  rows: Row[];
  missing: { peer: string; reason: string }[];
}

/** Runs the bench in a checkout; `output` is its JSON where there is one. */
async function bench(
  args: readonly string[],
  root = Deno.cwd(),
): Promise<{ code: number; err: string; output: Output | undefined }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--cached-only",
      "--no-lock",
      `--config=${root}/bench/deno.json`,
      "--permission-set=bench",
      `${root}/bench/main.ts`,
      ...args,
      "--json",
    ],
    cwd: root,
    env: { DENO_WEBGPU_BACKEND: "vulkan", NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  return {
    code,
    err: new TextDecoder().decode(stderr),
    output: text === "" ? undefined : JSON.parse(text),
  };
}

/** The checkout without the packages of the bench, so that no peer from npm is there. */
async function withoutPeers(): Promise<string> {
  const root = await Deno.makeTempDir({ prefix: "signet-bench-" });
  await Deno.mkdir(`${root}/bench`);
  for (const { name } of Deno.readDirSync("bench")) {
    if (name === "node_modules") continue;
    await Deno.symlink(`${Deno.cwd()}/bench/${name}`, `${root}/bench/${name}`);
  }
  for (const name of ["src", "cluster", "node_modules"]) {
    await Deno.symlink(`${Deno.cwd()}/${name}`, `${root}/${name}`);
  }
  return root;
}

function checkRow(row: Row): void {
  ok(row.median > 0 && row.ratio > 0, `${row.name} ${row.median} ${row.ratio}`);
  strictEqual(row.wrong, 0, `${row.name} ${row.shape}`);
}

Deno.test("bench ops checks every op in both forms and prints rows with their share", async () => {
  const { code, err, output } = await bench([
    "ops",
    "--tiny",
    "--runs=1",
    "--form=both",
  ]);
  strictEqual(code, 0, err);
  strictEqual(output!.version, 1);
  ok(output!.machine.cpu && output!.machine.deno);
  ok(output!.adapter.name);
  output!.rows.forEach(checkRow);
  const names = new Set(output!.rows.map(({ name }) => name));
  for (
    const name of [
      "gemm",
      "attention_forward",
      "attention_backward",
      "layer_norm_forward",
      "layer_norm_backward",
      "gelu_forward",
      "gelu_backward",
      "cross_entropy",
      "adamw",
      "adamw_average",
      "augment_weak",
      "augment_strong",
      "patchify",
    ]
  ) ok(names.has(name), name);
  const layouts = new Set(
    output!.rows.flatMap(({ layout }) => layout === undefined ? [] : [layout]),
  );
  deepStrictEqual([...layouts].sort(), ["NN", "NT", "TN"]);
});

Deno.test("bench ops measures only what the filter names and refuses one that names nothing", async () => {
  const found = await bench(["ops", "--tiny", "--runs=1", "--filter=adamw"]);
  deepStrictEqual(found.output!.rows.map(({ name }) => name), [
    "adamw",
    "adamw_average",
  ]);
  const none = await bench(["ops", "--tiny", "--filter=soap", "--form=tiled"]);
  strictEqual(none.code, 2);
  match(none.err, /^error: Cannot measure: no op has "soap"/m);
});

Deno.test("bench step checks loss and gradient and prints the row of the model", async () => {
  const { code, err, output } = await bench([
    "step",
    "--tiny",
    "--runs=1",
    "--no-peers",
    "--form=register",
  ]);
  strictEqual(code, 0, err);
  const [row] = output!.rows;
  checkRow(row!);
  strictEqual(row!.name, "step");
  strictEqual(row!.unit, "images/s");
  strictEqual(row!.parameters, 39_646);
});

Deno.test("bench step names a missing peer and exits 3 when peers are required", async () => {
  const root = await withoutPeers();
  try {
    const args = ["step", "--tiny", "--runs=1", "--form=register"];
    const { code, err, output } = await bench(args, root);
    strictEqual(code, 0, err);
    const missing = new Map(
      output!.missing.map(({ peer, reason }) => [peer, reason]),
    );
    match(
      missing.get("jax-js")!,
      /^Cannot compare with jax-js: .*@jax-js\/jax/,
    );
    match(missing.get("tfjs")!, /^Cannot compare with tfjs: .*@tensorflow/);
    checkRow(output!.rows[0]!);
    const required = await bench([...args, "--require-peers"], root);
    strictEqual(required.code, 3);
    match(required.err, /^error: Cannot compare with jax-js: /m);
    match(required.err, /^hint: sh bench\/setup\.sh installs the peers$/m);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
