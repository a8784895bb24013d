import { fileURLToPath } from "node:url";
import type { Disk } from "../src/env/mod.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

async function sources(disk: Disk, folder: string): Promise<string[]> {
  const entries = await disk.list(ROOT + folder);
  const found = await Promise.all(entries.map(({ name, kind }) => {
    const path = `${folder}/${name}`;
    return kind === "folder"
      ? sources(disk, path)
      : /\.(ts|wgsl)$/.test(name)
      ? [path]
      : [];
  }));
  return found.flat();
}

/** First 16 hex digits of the SHA-256 of a text. */
export async function hashOf(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex().slice(0, 16);
}

/** Hash of protocol, code and lock file: equal where ranks can work together. */
export async function codeHash(disk: Disk): Promise<string> {
  const paths = [
    "deno.lock",
    ...await sources(disk, "src"),
    ...await sources(disk, "cluster"),
  ];
  const texts = await Promise.all(
    paths.map(async (path) => `${path}\n${await disk.readText(ROOT + path)}\n`),
  );
  return await hashOf(`${PROTOCOL_VERSION}\n${texts.join("")}`);
}
