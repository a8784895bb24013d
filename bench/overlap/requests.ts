/** What the bench asks a rank. */
export type Request =
  | { do: "about" }
  /** Makes the steps of a model, the global batch shared by all ranks. */
  | {
    do: "open";
    shape: string;
    wire: "f32" | "bf16" | "f16" | "int8";
    bucketBytes: number | "auto";
  }
  | { do: "train"; how: How; steps: number }
  /** The sums of one step, without a step. */
  | { do: "reduce"; times: number }
  /** A checksum of the weights that all ranks trained together. */
  | { do: "weights" };

/**
 * `alone`: a rank's share in one piece, no exchange; `apart`: in the pieces of a
 * distributed step, whose exchanges do nothing; `together`: as in a run.
 */
export type How = "alone" | "apart" | "together";

/** The milliseconds of each step or sum, or what was asked for. */
export type Reply = Record<string, unknown>;

/** Of `train`. */
export interface TrainReply {
  ms: number[];
  /** Of each step, waiting for other ranks. */
  waitMs: number[];
  loss: number;
}
