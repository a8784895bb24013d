import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { BareRoot } from "../helpers/bare_root.ts";
import { command, teacherOnly, withTinyRun } from "./train_process.ts";

/** The driver file of this machine's CPU adapter, and the library it names. */
async function cpuDriver(): Promise<{ file: string; library: string }> {
  const known = Deno.env.get("VK_DRIVER_FILES");
  const files = known !== undefined ? [known] : await Array.fromAsync(
    Deno.readDir("/usr/share/vulkan/icd.d"),
    ({ name }) => `/usr/share/vulkan/icd.d/${name}`,
  );
  const file = files.find((name) => name.includes("lvp"));
  ok(file, `no CPU adapter among ${files.join(", ")}`);
  const { ICD } = JSON.parse(await Deno.readTextFile(file));
  const path: string = ICD.library_path;
  const library = path.startsWith("/")
    ? path
    : `/usr/lib/${Deno.build.arch}-linux-gnu/${path}`;
  return { file, library };
}

Deno.test("bundle packs all that a bare machine without network needs to train", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const archive = `${folder}/signet.tar.xz`;
    const packed = await command(["bundle", archive, "--level=0"]);
    strictEqual(packed.code, 0, packed.stderr);
    match(packed.stdout, /^bundle {2}\S+ {2}\d+\.\d MB$/m);
    ok((await Deno.stat(archive)).size < 60e6);

    await using root = await BareRoot.create();
    const unpacked = await new Deno.Command("tar", {
      args: ["-C", root.path, "-xf", archive],
    }).output();
    ok(unpacked.success);
    // The node's own: a driver, here the CPU adapter, and images.
    const { file, library } = await cpuDriver();
    await root.add(library);
    await Deno.copyFile(file, `${root.path}/etc/driver.json`);
    await Deno.rename(`${folder}/data`, `${root.path}/data`);
    const value = JSON.parse(await Deno.readTextFile(config));
    await Deno.writeTextFile(
      `${root.path}/tiny.json`,
      JSON.stringify({ ...value, data: { ...value.data, path: "/data" } }),
    );
    const driver = {
      VK_DRIVER_FILES: "/etc/driver.json",
      VK_ICD_FILENAMES: "/etc/driver.json",
      // Of an unpacked adapter.
      LD_LIBRARY_PATH: Deno.env.get("LD_LIBRARY_PATH") ?? "",
    };
    const { code, out, err } = await root.run(
      `cd /signet && sh cluster/run.sh train /tiny.json --run-dir=/run ${
        teacherOnly(3).join(" ")
      }`,
      driver,
    );
    strictEqual(code, 0, err);
    match(err, /^setup {2}deno \S+ found: \.tools\/deno\/deno$/m);
    match(err, /^setup {2}nats-server \S+ found: \.tools\/root\//m);
    match(err, /^setup {2}npm packages found: node_modules$/m);
    match(out, /^teacher /m);
    ok(await Deno.stat(`${root.path}/run/summary.json`));
    // No Deno is on the PATH of such a machine.
    const wrong = await root.run("cd /signet && sh cluster/run.sh report", {});
    strictEqual(wrong.code, 2, wrong.err);
    match(wrong.err, /^hint: sh cluster\/run\.sh report runs\/NAME$/m);
  });
});

Deno.test("bundle leaves nothing on a disk that gets full", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-full-" });
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      "--mount",
      "sh",
      "-c",
      'mount -t tmpfs -o size=1m full "$1" && cd "$2" &&\n' +
      '! sh cluster/task.sh bundle "$1/signet.tar.xz" --level=0 && ls -A "$1"',
      "sh",
      folder,
      Deno.cwd(),
    ],
    stdin: "null",
  }).output();
  await Deno.remove(folder);
  const decoder = new TextDecoder();
  const said = decoder.decode(stderr);
  match(said, /^error: Cannot write \S+\/signet\.tar\.xz: see above$/m);
  match(said, /No space left on device/);
  deepStrictEqual([code, decoder.decode(stdout)], [0, ""]);
});
