import type { ImageSet } from "../data/mod.ts";
import { ConfigError } from "../env/mod.ts";
import type { Device } from "../gpu/mod.ts";
import { headLayerNames, ParameterSet, vitSegments } from "../model/mod.ts";
import { ImageStore } from "../ops/mod.ts";
import { Inference, PatchInput, soloCommunicator } from "../training/mod.ts";
import type { StoredModel } from "./load_model.ts";

/** Images that pass through the model together, and bytes of them at most. */
const MOST_ROWS = 128;
const MOST_BYTES = 64 << 20;

/** How a {@linkcode Classifier} works. */
export interface ClassifierOptions {
  /** What {@linkcode Classifier.run} gives: logits, the default, or the features below the head. */
  output?: "logits" | "feature";
  /** Images that there are: a batch is computed whole. Default: many. */
  images?: number;
}

/** A model on the GPU that looks at images a batch at a time. */
export class Classifier {
  /** Most images of one call. */
  readonly rows: number;
  readonly #device: Device;
  readonly #parameters: ParameterSet;
  readonly #input: PatchInput;
  readonly #store: ImageStore;
  readonly #inference: Inference;

  constructor(
    device: Device,
    { info, values, name }: StoredModel,
    { output = "logits", images: most = MOST_ROWS }: ClassifierOptions = {},
  ) {
    const { images, model, feature, normalisation } = info;
    if (output === "logits") refuseBlankHead(name, { info, values });
    const bytes = images.channels * images.width * images.height;
    this.#device = device;
    this.rows = Math.max(
      1,
      Math.min(MOST_ROWS, most, Math.floor(MOST_BYTES / bytes)),
    );
    this.#parameters = new ParameterSet(device, vitSegments(model));
    this.#parameters.writeAll(values);
    this.#input = new PatchInput(device, normalisation);
    this.#store = ImageStore.create(device, {
      ...images,
      count: this.rows,
      pixels: new Uint8Array(this.rows * bytes),
    });
    this.#inference = new Inference({
      device,
      communicator: soloCommunicator(),
      model: { config: model, parameters: this.#parameters },
      input: this.#input,
      feature,
      store: this.#store,
      indices: Int32Array.from({ length: this.rows }, (_, i) => i),
      output,
    });
  }

  /** Logits `[count, classes]` or features `[count, dim]` of at most {@linkcode rows} images. */
  async run({ pixels, count }: ImageSet): Promise<Float32Array<ArrayBuffer>> {
    this.#store.write(this.#device, pixels);
    const rows = await this.#inference.run();
    this.#device.check();
    return Float32Array.from(rows.subarray(0, rows.length / this.rows * count));
  }

  [Symbol.dispose](): void {
    this.#inference[Symbol.dispose]();
    this.#store[Symbol.dispose]();
    this.#input[Symbol.dispose]();
    this.#parameters[Symbol.dispose]();
  }
}

/** The last layer of a head is 0 until it learns, and gives all classes the same. */
function refuseBlankHead(
  name: string,
  { info, values }: Pick<StoredModel, "info" | "values">,
): void {
  const layer = headLayerNames(info.model, "head").at(-1)!;
  const learnt = values.get(`${layer}.weight`)?.data.some((value) =>
    value !== 0
  );
  if (learnt) return;
  throw new ConfigError(
    `Cannot classify with ${name}: its head has not learned any class`,
    {
      hint:
        "--phase classify or another phase with labels; deno task embed gives its features",
    },
  );
}

/** The images of a set at these places, a batch at a time. */
export function* batchesOf(
  set: ImageSet,
  indices: Int32Array,
  rows: number,
): Generator<ImageSet> {
  const bytes = set.channels * set.height * set.width;
  for (let first = 0; first < indices.length; first += rows) {
    const own = indices.subarray(first, first + rows);
    const pixels = new Uint8Array(own.length * bytes);
    own.forEach((index, i) =>
      pixels.set(
        set.pixels.subarray(index * bytes, (index + 1) * bytes),
        i * bytes,
      )
    );
    yield {
      ...set,
      pixels,
      count: own.length,
      labels: own.map((index) => set.labels[index]!),
      nameOf: (i) => set.nameOf(own[i]!),
    };
  }
}
