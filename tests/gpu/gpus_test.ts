import {
  deepStrictEqual,
  match,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
} from "node:assert";
import {
  allowsNamespaces,
  byPreference,
  devicesIn,
  type Placement,
  type PlaceOptions,
  placeRanks,
  surveyGpus,
  writeSettings,
} from "../../cluster/gpus/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { twoDrivers } from "../helpers/two_drivers.ts";

const lookup = (name: string) => Deno.env.get(name);

Deno.test("devicesIn() lists what WebGPU sees, with UUID, version and memory", async () => {
  const { list, problem } = await devicesIn({ XDG_RUNTIME_DIR: "/tmp" });
  ok(list !== undefined, problem?.message);
  match(list.loader, /^1\.\d+\.\d+$/);
  const device = byPreference(list.devices)[0]!;
  const adapter = await navigator.gpu.requestAdapter({
    powerPreference: "high-performance",
  });
  strictEqual(device.name, adapter!.info.description);
  strictEqual(String(device.vendor), adapter!.info.vendor);
  strictEqual(device.kind === "cpu", adapter!.info.isFallbackAdapter);
  match(device.uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  match(device.apiVersion, /^1\.[1-9]\.\d+$/);
  ok(device.heaps.some(({ bytes, deviceLocal }) => deviceLocal && bytes > 0));
});

Deno.test("devicesIn() says why there are none", async () => {
  const missing = "/nonexistent/icd.json";
  const { problem, said } = await devicesIn({
    VK_DRIVER_FILES: missing,
    VK_ICD_FILENAMES: missing,
    VK_LOADER_DEBUG: "error",
  });
  strictEqual(problem?.result, -9);
  match(problem.message, /ERROR_INCOMPATIBLE_DRIVER \(-9\)/);
  match(said, /Found no drivers/);
});

Deno.test("placeRanks() gives each rank its own of two devices, seen by WebGPU too", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet gpus " });
  try {
    const { survey, ownLoader, libraries } = await twoDrivers(folder);
    strictEqual(survey.devices.length, 2);
    const options: PlaceOptions = {
      localRanks: [0, 1],
      localSize: 2,
      bind: "auto",
      allowShared: false,
      folder: `${folder}/gpus`,
      lookup,
      ownLoader,
    };
    const placements = await placeRanks(realEnv, survey, options);
    const uuids = placements.map(({ gpu }) => gpu.uuid);
    deepStrictEqual(uuids, survey.devices.map(({ uuid }) => uuid).sort());
    // The other order than the drivers' own, so that nothing is so by chance.
    const turned = await placeRanks(realEnv, survey, {
      ...options,
      bind: uuids.toReversed().map((uuid) => `GPU-${uuid}`),
    });
    deepStrictEqual(
      turned.map(({ gpu }) => gpu.uuid),
      uuids.toReversed(),
    );
    notStrictEqual(uuids[0], uuids[1]);
    // The settings hold for WebGPU too: a device that is not there is none.
    const { variables, gpu } = turned[0]!;
    strictEqual(await webgpuName(variables), gpu.name);
    const XDG_CONFIG_HOME = await settingsForNothing(folder);
    strictEqual(await webgpuName({ ...variables, XDG_CONFIG_HOME }), "");
    // A rank that is running already takes its own, the later of the two.
    const { devices } = survey;
    const last = devices.at(-1)!.uuid;
    deepStrictEqual(
      await takenBy(survey.variables, [last, `${folder}/own`, ownLoader]),
      { taken: last, seen: [last], adapter: true },
    );
    // Nothing is shared unless that is asked for, or left alone.
    await rejects(
      placeRanks(realEnv, survey, { ...options, localSize: 3 }),
      /ranks 0 and 2 would share GPU-.* \[VK-10\]/,
    );
    const shared = await placeRanks(realEnv, survey, {
      ...options,
      localRanks: [2],
      localSize: 3,
      allowShared: true,
    });
    strictEqual(shared[0]!.gpu.uuid, uuids[0]);
    const none = await placeRanks(realEnv, survey, {
      ...options,
      bind: "none",
    });
    deepStrictEqual(
      none.map(({ gpu }) => gpu.uuid),
      [survey.devices[0]!.uuid, survey.devices[0]!.uuid],
    );
    await rejects(
      placeRanks(realEnv, survey, { ...options, bind: ["GPU-0"] }),
      /Cannot bind a rank to GPU GPU-0: 0 devices/,
    );
    await rejects(
      placeRanks(realEnv, { ...survey, loader: "1.3.239" }, {
        ...options,
        ownLoader: `${folder}/none`,
      }),
      /loader 1\.3\.239 cannot choose among 2 devices \[VK-06\]/,
    );
    // Where no loader chooses, the others' nodes are closed: here, their libraries.
    const closed = placeRanks(realEnv, { ...survey, loader: "1.3.239" }, {
      ...options,
      ownLoader: `${folder}/none`,
      startsBehind: true,
      nodes: libraries,
      localRanks: [1],
    });
    if (await allowsNamespaces()) {
      const [{ variables, before, gpu }] = await closed as [Placement];
      strictEqual(gpu.uuid, uuids[1]);
      strictEqual(await webgpuName(variables, before), gpu.name);
    } else await rejects(closed, /\[VK-06\]/);
    await rejects(
      placeRanks(realEnv, {
        ...survey,
        usable: survey.usable.map((gpu) => ({
          ...gpu,
          uuid: gpu.uuid.replace(/^./, "f"),
        })),
      }, { ...options, localRanks: [0] }),
      /Cannot bind local rank 0 to GPU-f.*it sees .*\[VK-10\]/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Settings of the loader that name a device which this machine lacks. */
async function settingsForNothing(folder: string): Promise<string> {
  const nobody = "00000000-0000-0000-0000-000000000000";
  const device = { uuid: nobody, driverUuid: nobody, driverVersion: 0 };
  const { XDG_CONFIG_HOME } = await writeSettings(realEnv.disk, {
    folder: `${folder}/nobody`,
    device,
    drivers: [],
  });
  return XDG_CONFIG_HOME!;
}

/** What a process of its own takes, and then sees. */
async function takenBy(
  variables: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<unknown> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "tests/helpers/own_gpu_rank.ts", ...args],
    env: variables,
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  return text === "" ? decoder.decode(stderr) : JSON.parse(text);
}

async function webgpuName(
  variables: Readonly<Record<string, string>>,
  before: readonly string[] = [],
) {
  const [program, ...words] = [...before, Deno.execPath()];
  const { stdout } = await new Deno.Command(program!, {
    args: [...words, "run", "--no-config", "--quiet", "cluster/setup/probe.js"],
    env: variables,
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("surveyGpus() finds a CPU adapter usable by all, unless a GPU is asked for", async () => {
  const { usable, devices } = await surveyGpus(realEnv, {
    wish: "cpu",
    lookup,
  });
  deepStrictEqual(usable, []);
  strictEqual(devices[0]!.kind, "cpu");
  const nothing = { wish: "gpu", lookup } as const;
  // On a machine that has one, it is found.
  await surveyGpus(realEnv, nothing).then(
    (found) => ok(found.usable.length > 0),
    (error) => match(error.message, /only a CPU adapter \(.*\[VK-09\]/),
  );
});

Deno.test("placeRanks() needs no means to take the only device by its UUID", async () => {
  const survey = await surveyGpus(realEnv, { wish: "auto", lookup });
  const device = survey.devices[0]!;
  const alone = { ...survey, loader: "1.0.0", devices: [device] };
  const place = (bind: string[]) =>
    placeRanks(realEnv, alone, {
      localRanks: [0],
      bind,
      allowShared: false,
      folder: "none",
      lookup,
      ownLoader: "none",
    });
  deepStrictEqual(await place([device.uuid]), [
    { variables: survey.variables, gpu: device },
  ]);
  await rejects(place(["zz"]), /0 devices have that UUID/);
});
