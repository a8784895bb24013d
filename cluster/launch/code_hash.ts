import { PROTOCOL_VERSION } from "../protocol.ts";

const ROOT = new URL("../../", import.meta.url);

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) yield* sources(`${path}/`);
    else if (/\.(ts|wgsl)$/.test(entry.name)) yield path;
  }
}

/** First 16 hex digits of the SHA-256 of some texts and their names. */
export async function hashOf(bytes: Uint8Array | string): Promise<string> {
  const data = typeof bytes === "string"
    ? new TextEncoder().encode(bytes)
    : bytes;
  const digest = await crypto.subtle.digest(
    "SHA-256",
    data as Uint8Array<ArrayBuffer>,
  );
  return new Uint8Array(digest).toHex().slice(0, 16);
}

/** Hash of protocol, code and lock file: equal where ranks can work together. */
export async function codeHash(): Promise<string> {
  const paths = await Array.fromAsync(
    (async function* () {
      yield "deno.lock";
      yield* sources("src/");
      yield* sources("cluster/");
    })(),
  );
  const texts = await Promise.all(
    paths.sort().map(async (path) =>
      `${path}\n${await Deno.readTextFile(new URL(path, ROOT))}\n`
    ),
  );
  return await hashOf(`${PROTOCOL_VERSION}\n${texts.join("")}`);
}
