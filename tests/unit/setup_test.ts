import { doesNotMatch, match, strictEqual } from "node:assert";
import { BareMachine } from "../helpers/bare_machine.ts";

const BOOTSTRAP = ["sh", "cluster/run.sh", "bootstrap"];
const NATS = 'echo "nats-server: v2.10.7"';

async function readyMachine(): Promise<BareMachine> {
  const machine = await BareMachine.create();
  await machine.deno("2.9.6");
  await machine.program("nats-server", NATS);
  return machine;
}

/** An apt-get with one package, installed or unpacked on request. */
async function addApt(machine: BareMachine): Promise<void> {
  await machine.program(
    "apt-get",
    `case "$*" in
*" -s install "*) echo "Inst mesa-vulkan-drivers (22.3.6 Debian:12 [amd64])" ;;
*" update") echo x >'${machine.root}/.tools/apt/lists/x_Packages' ;;
*" download "*) echo x >mesa.deb ;;
*" install "*) echo x >installed ;;
esac`,
  );
  await machine.program(
    "dpkg-deb",
    `folder=$3/usr/lib/x86_64-linux-gnu
mkdir -p "$folder" && echo x >"$folder/libvulkan_lvp.so"`,
  );
}

/** A Deno that sees an adapter once the given test of the shell holds. */
async function adapterWhen(machine: BareMachine, test: string): Promise<void> {
  await machine.program(
    "deno",
    `case "$1" in
--version) echo "deno 2.9.6 (stable)" ;;
ci) mkdir -p node_modules/.deno ;;
run) ${test} && echo llvmpipe ;;
esac`,
  );
}

Deno.test("run.sh says how to get Deno and exits 3 when it cannot", async () => {
  await using machine = await BareMachine.create();
  await machine.deno("2.8.1");
  const { code, err } = await machine.run(BOOTSTRAP);
  strictEqual(code, 3);
  match(err, /^error: deno 2\.9\.6 is missing and cannot be installed here$/m);
  match(err, /^hint: npm install --prefix \.tools deno@2\.9\.6$/m);
});

Deno.test("run.sh says how to get nats-server and exits 3 when it cannot", async () => {
  await using machine = await BareMachine.create();
  await machine.deno("2.9.6");
  await machine.program("nats-server", 'echo "nats-server: v1.4.0"');
  const { code, err } = await machine.run(BOOTSTRAP);
  strictEqual(code, 3);
  match(err, /^error: nats-server is missing and cannot be installed here$/m);
  match(
    err,
    /^hint: (sudo )?apt-get update && (sudo )?apt-get install nats-server$/m,
  );
});

Deno.test("run.sh finds nats-server where the PATH of a user does not lead", async () => {
  await using machine = await BareMachine.create();
  await machine.deno("2.9.6");
  await machine.program("nats-server", NATS, "sbin");
  const { code, err } = await machine.run(BOOTSTRAP);
  strictEqual(code, 0, err);
  match(err, /^setup {2}nats-server 2\.10\.7 found: sbin\/nats-server$/m);
});

Deno.test("run.sh says how to get an adapter and exits 3 when it cannot", async () => {
  await using machine = await readyMachine();
  await machine.deno("2.9.6", "");
  const { code, err } = await machine.run(BOOTSTRAP);
  strictEqual(code, 3);
  match(err, /^hint: .*apt-get install libvulkan1 mesa-vulkan-drivers$/m);
  match(err, /^hint: .*dnf install vulkan-loader mesa-vulkan-drivers$/m);
});

Deno.test("run.sh unpacks SLURM for the tests only, beside what it installs", async () => {
  await using machine = await readyMachine();
  const bare = await machine.run([...BOOTSTRAP, "slurm"]);
  strictEqual(bare.code, 3);
  match(bare.err, /^error: SLURM for the tests is missing/m);

  await addApt(machine);
  await machine.program(
    "dpkg-deb",
    `mkdir -p "$3/usr/sbin"
for program in slurmctld-wlm sshd; do
  echo x >"$3/usr/sbin/$program" && chmod +x "$3/usr/sbin/$program"
done`,
  );
  const { code, err } = await machine.run([...BOOTSTRAP, "slurm"]);
  strictEqual(code, 0);
  match(err, /^setup {2}slurm and sshd installed: \.tools\/slurm$/m);
  const env = await Deno.readTextFile(`${machine.root}/.tools/env`);
  doesNotMatch(env, /LD_LIBRARY_PATH/);
  strictEqual((await machine.run([...BOOTSTRAP, "slurm"])).err, "");
});

Deno.test("run.sh says how to get the packages and exits 3 when it cannot", async () => {
  await using machine = await readyMachine();
  await machine.program("deno", 'echo "deno 2.9.6"; [ "$1" != ci ]');
  const { code, err } = await machine.run(BOOTSTRAP);
  strictEqual(code, 3);
  match(err, /^hint: deno ci /m);
});

Deno.test("run.sh says where the data set goes and exits 3 without it", async () => {
  await using machine = await readyMachine();
  const { code, err } = await machine.run(["sh", "cluster/run.sh", "train"]);
  strictEqual(code, 3);
  match(err, /^error: the data set fashion-mnist is missing/m);
  match(err, /^hint: .*data\/fashion-mnist\//m);
});

Deno.test("run.sh needs no default data set when other data is named", async () => {
  await using machine = await readyMachine();
  await Deno.writeTextFile(
    `${machine.root}/own.json`,
    '{ "data": { "kind": "folder", "path": "x" } }',
  );
  for (const argument of ["data.path=elsewhere", "own.json"]) {
    const verb = ["sh", "cluster/run.sh", "train", argument];
    const { code, out } = await machine.run(verb);
    strictEqual(code, 0);
    match(out, new RegExp(`/cluster/main\\.ts train ${argument}\n$`));
  }
});

Deno.test("run.sh gets the default data set for a sweep of which one run needs it", async () => {
  await using machine = await readyMachine();
  await Deno.writeTextFile(
    `${machine.root}/own.json`,
    '{ "data": { "kind": "folder", "path": "x" } }',
  );
  await Deno.writeTextFile(`${machine.root}/other.json`, "{}");
  const sweep = ["sh", "cluster/run.sh", "sweep", "own.json", "other.json"];
  const { code, err } = await machine.run(sweep);
  strictEqual(code, 3);
  match(err, /^error: the data set fashion-mnist is missing/m);
  strictEqual((await machine.run([...sweep, "data.path=x"])).code, 0);
});

Deno.test("run.sh looks at nothing again until the lock changes", async () => {
  await using machine = await readyMachine();
  const first = await machine.run(BOOTSTRAP);
  strictEqual(first.code, 0);
  strictEqual(
    first.err.replace(/: .*/g, ""),
    "setup  deno 2.9.6 found\nsetup  nats-server 2.10.7 found\n" +
      "setup  npm packages installed\nsetup  adapter found\n",
  );
  const before = await machine.calls();
  const second = await machine.run(BOOTSTRAP);
  strictEqual(second.code, 0);
  strictEqual(second.err, "");
  strictEqual(await machine.calls(), before);

  await Deno.writeTextFile(`${machine.root}/deno.lock`, "{}");
  const third = await machine.run(BOOTSTRAP);
  match(third.err, /^setup {2}npm packages installed/m);
});

Deno.test("run.sh passes the verb on with what Deno and the adapter need", async () => {
  await using machine = await readyMachine();
  const { code, out } = await machine.run([
    "sh",
    "cluster/run.sh",
    "compare",
    "a b",
    "x=*",
  ]);
  strictEqual(code, 0);
  match(
    out,
    /^ran run --quiet --cached-only --frozen --node-modules-dir=manual /,
  );
  match(out, /--permission-set=app .*\/cluster\/main\.ts compare a b x=\*\n$/);
});

Deno.test("run.sh chooses caches and driver anew in a job, whose environment is that of another machine", async () => {
  await using machine = await readyMachine();
  const { root } = machine;
  await machine.run(BOOTSTRAP);
  await machine.program(
    "deno",
    'echo "$DENO_DIR $MESA_SHADER_CACHE_DIR ${VK_DRIVER_FILES:-none}"',
  );
  const verb = ["sh", "cluster/run.sh", "devices"];
  const caches = `${root}/.tools/cache`;
  const login = {
    DENO_DIR: `${caches}/deno`,
    MESA_SHADER_CACHE_DIR: `${caches}/mesa`,
    VK_DRIVER_FILES: `${root}/.tools/lvp_icd.json`,
  };
  strictEqual(
    (await machine.run(verb, login)).out,
    `${caches}/deno ${caches}/mesa none\n`,
  );
  const [own, TMPDIR] = [`${root} own`, `${root}/tmp`];
  await Deno.mkdir(TMPDIR);
  const job = { ...login, SLURM_JOB_ID: "7", TMPDIR };
  const user = Deno.uid();
  strictEqual(
    (await machine.run(verb, job)).out,
    `${TMPDIR}/signet-deno-${user} ${TMPDIR}/signet-mesa-${user} none\n`,
  );
  // What the user has chosen stands.
  try {
    const chosen = await machine.run(verb, { ...job, DENO_DIR: own });
    match(chosen.out, RegExp(`^${own} ${TMPDIR}/signet-mesa`));
  } finally {
    await Deno.remove(own);
  }
});

Deno.test("run.sh installs system packages only as root on a machine of its own", async () => {
  for (
    const [user, env, installs] of [
      ["0", {}, true],
      ["0", { SLURM_JOB_ID: "7" }, false],
      ["0", { SLURM_JOB_ID: "7", CI: "true" }, true],
      ["1000", {}, false],
      ["1000", { CI: "true" }, false],
    ] as const
  ) {
    await using machine = await readyMachine();
    await Deno.remove(`${machine.root}/bin/id`);
    await machine.program("id", `echo ${user}`);
    await addApt(machine);
    await adapterWhen(machine, '[ -e installed ] || [ -n "$VK_DRIVER_FILES" ]');
    const { code, err } = await machine.run(BOOTSTRAP, env);
    strictEqual(code, 0, err);
    const calls = await machine.calls();
    const installed = /^apt-get (?!.* -s ).* install /m.test(calls);
    strictEqual(installed, installs, `${user} ${JSON.stringify(env)}`);
    const line = /\$ apt-get install .*libvulkan1 mesa-vulkan-drivers/;
    (installs ? match : doesNotMatch)(err, line);
  }
});

Deno.test("run.sh points the loader at an adapter that it unpacked", async () => {
  await using machine = await readyMachine();
  await addApt(machine);
  await adapterWhen(machine, '[ -n "$VK_DRIVER_FILES" ]');
  const { code, err } = await machine.run(BOOTSTRAP, { SLURM_JOB_ID: "7" });
  strictEqual(code, 0, err);
  match(err, /^setup {2}adapter installed: llvmpipe$/m);
  const tools = `${machine.root}/.tools`;
  const driver = JSON.parse(await Deno.readTextFile(`${tools}/lvp_icd.json`));
  strictEqual(
    driver.ICD.library_path,
    `${tools}/root/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so`,
  );
  const own = await Deno.readTextFile(`${tools}/adapter-${Deno.hostname()}`);
  match(own, /^export VK_ICD_FILENAMES=".*\/lvp_icd\.json"$/m);
  const env = await Deno.readTextFile(`${tools}/env`);
  match(
    env,
    /^export LD_LIBRARY_PATH=".*\/root\/usr\/lib\/x86_64-linux-gnu\$/m,
  );
});

Deno.test("run.sh gets a loader that chooses only where there are several GPUs", async () => {
  for (const [gpus, login] of [[1, false], [2, false], [0, true]] as const) {
    await using machine = await readyMachine();
    // Its nodes may have several.
    if (login) await machine.program("scontrol", "true");
    const lines = Array.from({ length: gpus }, (_, i) => `GPU ${i}: T4`);
    await machine.program("nvidia-smi", `echo "${lines.join("\n")}"`);
    // Where this system has a browser its loader is taken, else the package's.
    await addApt(machine);
    await machine.program(
      "dpkg-deb",
      `mkdir -p usr/lib/chromium
echo 'VkPhysicalDevice with deviceUUID: %s, driverUUID' >usr/lib/chromium/libvulkan.so.1
tar -cf - ./usr/lib/chromium/libvulkan.so.1`,
    );
    const { code, err } = await machine.run(BOOTSTRAP);
    strictEqual(code, 0, err);
    const line =
      /loader for several GPUs installed: \.tools\/loader\/libvulkan\.so\.1$/m;
    (gpus !== 1 ? match : doesNotMatch)(err, line);
  }
});

/** A verb as `deno task` runs it; its parent would be that Deno. */
function task(...args: string[]): string[] {
  return ["sh", "-c", 'sh cluster/task.sh "$@"; exit $?', "sh", ...args];
}

/** A Deno that sees its verbs' environment. */
const SHOW_ENV = `case "$1" in
--version) echo "deno 2.9.6 (stable)" ;;
ci) mkdir -p node_modules/.deno ;;
run) case "$*" in
  *probe.js) [ -n "$VK_DRIVER_FILES$(cat system-driver 2>/dev/null)" ] &&
    echo "driver $VK_DRIVER_FILES" ;;
  *) echo "$* with $VK_DRIVER_FILES and $LD_LIBRARY_PATH" ;;
  esac ;;
esac`;

Deno.test("task.sh runs a verb with the adapter that run.sh unpacked, and sets nothing up", async () => {
  await using machine = await readyMachine();
  await machine.program("deno", SHOW_ENV);
  const verb = task("doctor", "a b");
  const bare = await machine.run(verb);
  strictEqual(bare.code, 0, bare.err);
  match(
    bare.out,
    /--permission-set=all .*\/main\.ts doctor a b with {2}and \n$/,
  );

  await addApt(machine);
  await machine.run(BOOTSTRAP, { SLURM_JOB_ID: "7" });
  const { out } = await machine.run(verb);
  match(
    out,
    /with .*\/\.tools\/lvp_icd\.json and .*\/root\/usr\/lib\/x86_64-linux-gnu/,
  );
  const calls = await machine.calls();
  strictEqual(calls.includes("apt-get"), true);
  strictEqual((await machine.run(verb, { SLURM_JOB_ID: "7" })).code, 0);
  strictEqual(
    (await machine.calls()).replace(calls, "").includes("apt-get"),
    false,
  );
});

Deno.test("run.sh prefers a driver of the system to one that it unpacked before", async () => {
  await using machine = await readyMachine();
  await addApt(machine);
  await machine.program("deno", SHOW_ENV);
  const elsewhere = { SLURM_JOB_ID: "7" };
  const first = await machine.run(BOOTSTRAP, elsewhere);
  match(first.err, /^setup {2}adapter installed: driver .*lvp_icd\.json$/m);

  // The lock changes, so that set-up looks again: nothing is unpacked twice.
  await Deno.writeTextFile(`${machine.root}/deno.lock`, "{}");
  const again = await machine.run(BOOTSTRAP, elsewhere);
  match(again.err, /^setup {2}adapter found: driver .*lvp_icd\.json$/m);

  await Deno.writeTextFile(`${machine.root}/deno.lock`, "{ }");
  await Deno.writeTextFile(`${machine.root}/system-driver`, "x");
  const { err } = await machine.run(BOOTSTRAP, elsewhere);
  match(err, /^setup {2}adapter found: driver ?$/m);
  const { out } = await machine.run(task("train"));
  match(out, /with {2}and/);
});

Deno.test(".ci/run ends with a count even when set-up fails", async () => {
  await using machine = await BareMachine.create();
  const { code, out } = await machine.run(["bash", ".ci/run"]);
  strictEqual(code, 3);
  strictEqual(out.trimEnd().split("\n").at(-1), "0 passed, 1 failed");
});

Deno.test(".ci/run fails when the suite succeeds without a count", async () => {
  await using machine = await readyMachine();
  await machine.program("chromium", "echo Chromium 1");
  await Deno.mkdir(`${machine.root}/data/fashion-mnist`, { recursive: true });
  for (const name of ["train-images-idx3", "train-labels-idx1"]) {
    await Deno.writeTextFile(
      `${machine.root}/data/fashion-mnist/${name}-ubyte`,
      "x",
    );
  }
  for (const name of ["t10k-images-idx3", "t10k-labels-idx1"]) {
    await Deno.writeTextFile(
      `${machine.root}/data/fashion-mnist/${name}-ubyte`,
      "x",
    );
  }
  const { code, out } = await machine.run(["bash", ".ci/run"]);
  strictEqual(code, 1);
  strictEqual(out.trimEnd().split("\n").at(-1), "0 passed, 1 failed");
});
