import { DRAW, symmetricBeta } from "../augment/mod.ts";
import type { Device, Program, Tensor } from "../gpu/mod.ts";
import { MIX_WORDS, mixImages, packMix } from "../ops/mod.ts";
import { Batch } from "../training/mod.ts";
import { STREAMS } from "./context.ts";
import { type PseudoLabels, pseudoMix } from "./rules/mod.ts";
import type { SelfTrainRows } from "./self_train_rows.ts";

/** Differs from the salts of views and of supervised mixing. */
const SALT = 0x73746d78;

/** How the row at a position is mixed. */
export interface RowMix {
  /** Position of the other image. */
  partner: number;
  /** Part of pixels and target that is the row's own. */
  share: number;
  /** Weight of the row instead of its own; absent where parts keep their own. */
  weight?: number;
}

/** A micro-batch and the partners that its rows lack. */
interface Part {
  readonly size: number;
  /** Partners of rows elsewhere, by kind. */
  readonly labelled: Batch;
  readonly unlabelled: Batch;
  /** Position of each own row, and the row of its partner. */
  readonly positions: Uint32Array;
  readonly partners: readonly number[];
  readonly records: Tensor;
}

/**
 * Mixes self-training's images in pairs over the global batch. A partner of another
 * rank or micro-batch is made here too, as its own position's numbers say.
 */
export class PseudoMixing {
  readonly parts: readonly Part[];
  readonly #device: Device;
  readonly #rows: SelfTrainRows;
  readonly #kind: "beta" | "confidence";
  readonly #alpha: number;
  readonly #seed: number;
  #mixes: RowMix[] = [];

  constructor(
    device: Device,
    options: {
      kind: "beta" | "confidence";
      alpha: number;
      seed: number;
      rows: SelfTrainRows;
      /** Positions of each micro-batch's rows, labelled ones first. */
      positions: readonly Uint32Array[];
    },
  ) {
    this.#device = device;
    this.#rows = options.rows;
    this.#kind = options.kind;
    this.#alpha = options.alpha;
    this.#seed = options.seed;
    this.parts = options.positions.map((positions) => this.#part(positions));
  }

  /** Position of the other half of a pair; labelled images have none with `confidence`. */
  partnerOf(position: number): number {
    const { globalLabelled, globalUnlabelled } = this.#rows;
    const last = globalLabelled + globalUnlabelled - 1;
    if (this.#kind === "beta") return last - position;
    return position < globalLabelled
      ? position
      : globalLabelled + last - position;
  }

  /** Records the mix of a micro-batch, whose rows in `images` the partners follow. */
  record(program: Program, index: number, images: Tensor): Tensor {
    const { size, records } = this.parts[index]!;
    const output = program.scratch([size, ...images.shape.slice(1)]);
    mixImages(program, { images, mixing: records, output });
    return output;
  }

  /** Decides how every row of the global batch is mixed in a step. */
  write(step: number, labels: PseudoLabels): void {
    const { globalLabelled, globalUnlabelled } = this.#rows;
    const all = Array.from(
      { length: globalLabelled + globalUnlabelled },
      (_, position) => position,
    );
    if (this.#kind === "beta") {
      this.#mixes = all.map((position) => {
        const source = {
          seed: this.#seed,
          stream: STREAMS.selfTrain,
          step,
          position,
          salt: SALT,
        };
        const share = symmetricBeta(source, DRAW.gamma, this.#alpha);
        return {
          partner: this.partnerOf(position),
          share: Math.max(share, 1 - share),
        };
      });
    } else {
      const { share, weights } = pseudoMix(
        labels,
        (row) => globalUnlabelled - 1 - row,
      );
      this.#mixes = all.map((position) => {
        const row = position - globalLabelled;
        const partner = this.partnerOf(position);
        return row < 0
          ? { partner, share: 1 }
          : { partner, share: share[row]!, weight: weights[row]! };
      });
    }
    for (const part of this.parts) this.#writeRecords(part);
  }

  /** How the row at a position of the global batch is mixed in this step. */
  at(position: number): RowMix {
    return this.#mixes[position]!;
  }

  [Symbol.dispose](): void {
    for (const { labelled, unlabelled, records } of this.parts) {
      labelled[Symbol.dispose]();
      unlabelled[Symbol.dispose]();
      records.buffer.destroy();
    }
  }

  #part(positions: Uint32Array): Part {
    const size = positions.length;
    const { globalLabelled } = this.#rows;
    const own = new Map([...positions].map((position, i) => [position, i]));
    const lacking = [...positions].map((position) => this.partnerOf(position))
      .filter((partner) => !own.has(partner));
    const extras = [
      ...lacking.filter((partner) => partner < globalLabelled),
      ...lacking.filter((partner) => partner >= globalLabelled),
    ];
    extras.forEach((partner, i) => own.set(partner, size + i));
    const labelled = extras.filter((p) => p < globalLabelled);
    return {
      size,
      labelled: new Batch(
        this.#device,
        labelled.length,
        Uint32Array.from(labelled),
      ),
      unlabelled: new Batch(
        this.#device,
        extras.length - labelled.length,
        Uint32Array.from(extras.slice(labelled.length)),
      ),
      positions,
      partners: [...positions].map((p) => own.get(this.partnerOf(p))!),
      records: this.#device.tensor([size, MIX_WORDS], undefined, "u32"),
    };
  }

  #writeRecords({ positions, partners, records, size }: Part): void {
    const words = new Uint32Array(size * MIX_WORDS);
    const box = { left: 0, top: 0, right: 0, bottom: 0 };
    positions.forEach((position, row) => {
      const { share } = this.at(position);
      packMix(
        { partner: partners[row]!, pixelShare: share, labelShare: share, box },
        words,
        row * MIX_WORDS,
      );
    });
    this.#device.write(records, words);
  }
}
