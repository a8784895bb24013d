import { realEnv } from "../../src/env/mod.ts";
import type { AdapterFacts } from "../../src/gpu/mod.ts";

/** Where a figure comes from. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gib: number;
  readonly adapter: string;
  readonly os: string;
  readonly deno: string;
  /** Version of the CPU adapter's Mesa, where that is what computes. */
  readonly mesa: string | null;
  readonly commit: string | null;
  /** Files differ from the commit. */
  readonly modified: boolean;
  readonly date: string;
  /** Load average of the last minute when the run began. */
  readonly load: number;
}

/**
 * Facts about this machine and the code, to be asked before anything is
 * measured; the adapter is named once it is known. What cannot be found out is
 * null.
 */
export async function machineFacts(): Promise<
  (adapter: AdapterFacts) => Machine
> {
  const cpuinfo = await realEnv.disk.readText("/proc/cpuinfo").catch(() => "");
  const model = /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ??
    Deno.build.arch;
  const changes = await output("git", ["status", "--porcelain"]);
  const mesa = await mesaVersion();
  const facts = {
    cpu: model,
    cores: navigator.hardwareConcurrency,
    memory_gib: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    os: `${Deno.build.os} ${Deno.build.arch} ${Deno.osRelease()}`,
    deno: Deno.version.deno,
    commit: await output("git", ["rev-parse", "HEAD"]),
    modified: changes !== null && changes !== "",
    date: new Date(realEnv.clock.wall()).toISOString(),
    load: Deno.loadavg()[0]!,
  };
  return ({ name, cpu }) => ({
    ...facts,
    adapter: name,
    mesa: cpu ? mesa : null,
  });
}

async function mesaVersion(): Promise<string | null> {
  const debian = await output("dpkg-query", [
    "-W",
    "-f=${Version}",
    "mesa-vulkan-drivers",
  ]);
  return debian === null || debian === "" ? null : debian;
}

/** What a command prints, or null where it cannot run. */
async function output(
  command: string,
  args: readonly string[],
): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(command, {
      args: [...args],
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch {
    return null;
  }
}
