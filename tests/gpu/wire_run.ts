import { writeTinyCifar } from "../helpers/mod.ts";

/** Training of a model whose gradients travel in several buckets. */
export const WIRE_RUN = {
  // Of a fraction of the gradients, so that several buckets leave.
  bucketBytes: 20_000,
  checksum: { everySteps: 1 },
  phases: { baseline: { images: 24 * 20 } },
};

/** Calls `action` with an empty folder and one of images. */
export async function withImages(
  action: (folder: string, data: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    await action(folder, `${folder}/data`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
