import type { MachineView } from "../../cluster/doctor/mod.ts";
import { realEnv } from "../../src/env/mod.ts";

const DRIVER =
  "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Wed Jan 15 2025\n";
const GPUS = [
  "6fb6d3db-0000-4000-8000-000000000001",
  "1ab6d3db-0000-4000-8000-000000000002",
  "2cb6d3db-0000-4000-8000-000000000003",
  "3db6d3db-0000-4000-8000-000000000004",
];

/** A machine as the doctor sees it: files in a folder and stand-ins for programs. */
export class LaidMachine implements AsyncDisposable {
  readonly root: string;
  readonly variables: Record<string, string> = {};

  private constructor(root: string) {
    this.root = root;
    this.variables.PATH = `${root}/bin:${Deno.env.get("PATH")}`;
  }

  static async create(): Promise<LaidMachine> {
    return new LaidMachine(await Deno.makeTempDir({ prefix: "signet-laid-" }));
  }

  /** One that has an NVIDIA driver with all its files, and `gpus` GPUs. */
  static async withGpus(gpus: number): Promise<LaidMachine> {
    const machine = await LaidMachine.create();
    await machine.file("proc/driver/nvidia/version", DRIVER);
    for (let i = 0; i < gpus; i++) {
      await machine.file(`proc/driver/nvidia/gpus/0000:0${i}:00.0/information`);
      await machine.file(`dev/nvidia${i}`);
    }
    await machine.file("dev/nvidiactl");
    await machine.file("dev/nvidia-uvm");
    for (
      const library of [
        "libEGL_nvidia",
        "libnvidia-glvkspirv",
        "libnvidia-eglcore",
        "libnvidia-glsi",
        "libnvidia-tls",
        "libnvidia-gpucomp",
      ]
    ) await machine.file(`usr/lib/x86_64-linux-gnu/${library}.so.570.86.15`);
    const list = GPUS.slice(0, gpus).map((uuid, i) =>
      `GPU ${i}: Tesla T4 (UUID: GPU-${uuid})`
    );
    await machine.program(
      "nvidia-smi",
      `[ "$1" = -L ] && echo "${list.join("\n")}" || echo Default`,
    );
    return machine;
  }

  async file(path: string, text = ""): Promise<void> {
    const full = `${this.root}/${path}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(full, text);
  }

  async remove(path: string): Promise<void> {
    await Deno.remove(`${this.root}/${path}`, { recursive: true });
  }

  async program(name: string, body: string): Promise<void> {
    await this.file(`bin/${name}`, `#!/bin/sh\n${body}\n`);
    await Deno.chmod(`${this.root}/bin/${name}`, 0o755);
  }

  /** As the doctor is given it. */
  view(wish: MachineView["wish"] = "auto"): MachineView {
    const { root, variables } = this;
    const lookup = (name: string) => variables[name];
    return { env: realEnv, root, host: "n04", lookup, wish };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}
