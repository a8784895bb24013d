import type { Program, Tensor } from "../gpu/mod.ts";
import { BlockBucket } from "./block_bucket.ts";
import type { Communicator } from "./communicator.ts";
import { type Bucket, ExactBucket } from "./exchange.ts";
import { PackedBucket } from "./packed_bucket.ts";
import type { Wire } from "./wire.ts";

/** Records that gradients travel together, as `wire` says. */
export function recordGradientBucket(
  program: Program,
  communicator: Communicator,
  { tensors, wire, scale }: {
    tensors: readonly Tensor[];
    wire: Wire;
    /** Its first value is the factor of the loss in backward. */
    scale: Tensor;
  },
): Bucket {
  switch (wire) {
    case "f32":
      return new ExactBucket(program, communicator, tensors);
    case "int8":
      return new BlockBucket(program, communicator, { tensors, scale });
    default:
      return new PackedBucket(program, communicator, { tensors, type: wire });
  }
}
