import { uniform } from "./random.ts";

/** Records per class in the train and test part. */
export interface TinyDataOptions {
  train: number;
  test: number;
  seed?: number;
}

/**
 * Writes a set in the CIFAR-10 layout that a tiny model can learn: each class
 * has a colour of its own and a bright square at a place of its own, on noise.
 */
export async function writeTinyCifar(
  folder: string,
  { train, test, seed = 1 }: TinyDataOptions,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const next = uniform(seed);
  const file = (perClass: number) => {
    const bytes = new Uint8Array(10 * perClass * 3073);
    for (let i = 0; i < 10 * perClass; i++) {
      record(bytes.subarray(i * 3073, (i + 1) * 3073), i % 10, next);
    }
    return bytes;
  };
  await Deno.writeFile(`${folder}/data_batch_1.bin`, file(train));
  await Deno.writeFile(`${folder}/test_batch.bin`, file(test));
  const names = Array.from({ length: 10 }, (_, i) => `square_${i}`);
  await Deno.writeTextFile(
    `${folder}/batches.meta.txt`,
    names.join("\n") + "\n\n",
  );
}

function record(bytes: Uint8Array, label: number, next: () => number): void {
  bytes[0] = label;
  const colour = [0, 1, 2].map((c) =>
    20 + 100 * ((label * [1, 3, 7][c]!) % 10) / 9 + 20 * next()
  );
  // Ten places on a 4 x 4 grid of 8-pixel cells.
  const top = 8 * Math.floor(label * 1.5 / 4);
  const left = 8 * (Math.floor(label * 1.5) % 4);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < 32; y++) {
      for (let x = 0; x < 32; x++) {
        const inside = y >= top && y < top + 8 && x >= left && x < left + 8;
        bytes[1 + c * 1024 + y * 32 + x] = Math.round(
          colour[c]! + 30 * next() + (inside ? 80 : 0),
        );
      }
    }
  }
}
