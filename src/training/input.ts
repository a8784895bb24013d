import type { Device, Program, RealType, Tensor } from "../gpu/mod.ts";
import { gridOf, type VitConfig } from "../model/mod.ts";
import { imageStatistics, patchify } from "../ops/mod.ts";

/** How pixels 0..1 become the input of a model. */
export type Normalisation =
  /** Every image to mean 0 and deviation 1. */
  | { kind: "image" }
  /** Fixed mean and deviation per channel. */
  | { kind: "constant"; mean: readonly number[]; deviation: readonly number[] };

/** The published constants by their name in the configuration. */
export const CONSTANTS: Readonly<
  Record<"imagenet" | "half", Normalisation & { kind: "constant" }>
> = {
  imagenet: {
    kind: "constant",
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
  },
  half: { kind: "constant", mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
};

/** Turns images `[b, 3, s, s]` into the patch rows of a model, with its own normalisation. */
export class PatchInput {
  readonly normalisation: Normalisation;
  readonly #constants: Tensor | undefined;

  constructor(device: Device, normalisation: Normalisation) {
    this.normalisation = normalisation;
    if (normalisation.kind === "constant") {
      const { mean, deviation } = normalisation;
      const statistics = mean.flatMap((m, i) => [m, 1 / deviation[i]!]);
      this.#constants = device.tensor([1, 3, 2], new Float32Array(statistics));
    }
  }

  /** Records the patch rows, `[b * grid * grid, 3 * patch * patch]`, of the model's precision: scratch of the program. */
  record(
    program: Program,
    images: Tensor,
    config: VitConfig,
    type: RealType = "f32",
  ): Tensor {
    const batch = images.shape[0]!;
    const statistics = this.#constants ?? program.scratch([batch, 3, 2]);
    if (this.normalisation.kind === "image") {
      imageStatistics(program, { images, output: statistics });
    }
    const patches = program.scratch(
      [batch * gridOf(config) ** 2, 3 * config.patch ** 2],
      type,
    );
    patchify(program, {
      images,
      statistics,
      output: patches,
      patch: config.patch,
    });
    if (this.#constants === undefined) program.release(statistics);
    return patches;
  }

  [Symbol.dispose](): void {
    this.#constants?.buffer.destroy();
  }
}
