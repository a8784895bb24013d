import type { Env } from "../../src/env/mod.ts";
import type { Check } from "./check.ts";
import { fileSystemOf, isNetworkFileSystem } from "./file_system.ts";
import { outputOf } from "../gpus/mod.ts";

/** Deno's binaries need glibc 2.27 or newer. */
const GLIBC_MINOR = 27;
/** Checkpoints and logs of a run fit in this; bytes. */
const DISK_WANTED = 2e9;

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Deno's version and the C library. */
export async function checkRuntime(): Promise<Check> {
  const { deno } = Deno.version;
  const glibc = await outputOf("getconf", ["GNU_LIBC_VERSION"]);
  const [, major, minor] = /(\d+)\.(\d+)/.exec(glibc ?? "") ?? [];
  const known = Number(major) > 2 || Number(minor) >= GLIBC_MINOR;
  const { arch, os } = Deno.build;
  const detail = `deno ${deno} on ${os} ${arch}, ${glibc ?? "no glibc"}`;
  const facts = { deno, os, arch, glibc: glibc ?? null };
  if (os !== "linux" || arch !== "x86_64") {
    return {
      name: "runtime",
      status: "warn",
      detail,
      hint: "Signet is tested on Linux x86_64 only",
      facts,
    };
  }
  if (!known) {
    return {
      name: "runtime",
      status: "warn",
      detail,
      hint: `Deno needs glibc 2.${GLIBC_MINOR} or newer: run in a container`,
      facts,
    };
  }
  return { name: "runtime", status: "ok", detail, facts };
}

/** What this process may do; a verb without a permission fails late. */
export async function checkPermissions(): Promise<Check> {
  const names = ["read", "write", "net", "run", "env", "ffi", "sys"] as const;
  const denied: string[] = [];
  for (const name of names) {
    const { state } = await Deno.permissions.query({ name });
    if (state !== "granted") denied.push(name);
  }
  return denied.length === 0
    ? { name: "permissions", status: "ok", detail: names.join(" ") }
    : {
      name: "permissions",
      status: "warn",
      detail: `denied: ${denied.join(" ")}`,
      hint: "start through `deno task` or `sh cluster/run.sh`",
    };
}

/** Space in the folder of the runs, and whether it can be written. */
export async function checkDisk(env: Env): Promise<Check> {
  const folder = "runs";
  const file = `${folder}/.doctor-${Deno.pid}`;
  try {
    await env.disk.makeFolder(folder);
    await env.disk.write(file, "written by doctor");
  } catch (error) {
    return {
      name: "disk",
      status: "error",
      detail: `Cannot write ${folder}/: ${(error as Error).message}`,
      hint: "start where you may write, or give --run-dir DIR",
    };
  } finally {
    await env.disk.remove(file);
  }
  const row = (await outputOf("df", ["-Pk", folder]))?.split("\n").at(-1);
  const free = Number(row?.split(/\s+/).at(3) ?? NaN) * 1024;
  const type = await fileSystemOf(folder);
  const detail = `${folder}/ is writable, ${gigabytes(free)} free, ${type}`;
  const facts = { freeBytes: free, fileSystem: type };
  return free < DISK_WANTED
    ? {
      name: "disk",
      status: "warn",
      detail,
      hint: `a run may need ${gigabytes(DISK_WANTED)}`,
      facts,
    }
    : { name: "disk", status: "ok", detail, facts };
}

/** Deno keeps databases in its cache, which network file systems break. */
export async function checkCache(): Promise<Check> {
  const text = await outputOf(Deno.execPath(), ["info", "--json"]);
  const folder = String(JSON.parse(text ?? "{}").denoDir ?? "");
  const type = await fileSystemOf(folder);
  const detail = `DENO_DIR ${folder}, ${type}`;
  return isNetworkFileSystem(type)
    ? {
      name: "cache",
      status: "warn",
      detail,
      hint:
        "Deno hangs there without a message: export DENO_DIR=/tmp/deno-$USER",
    }
    : { name: "cache", status: "ok", detail };
}
