import type { HalfType } from "../ops/mod.ts";

/** As what gradients travel between ranks. */
export type Wire = "f32" | HalfType | "int8";
