import type { Config } from "../config/mod.ts";
import type { DataSet } from "../data/mod.ts";

/** Models whose patches do not fill an image: what is beyond the last whole one they never see. */
export function cutEdges(config: Config, data: DataSet): string[] {
  const size = config.data.imageSize || data.train.height;
  const { teacher, distill } = config.phases;
  const taught = teacher.enabled || distill.enabled;
  return (["teacher", "student"] as const).flatMap((model) => {
    const { patch } = config[model];
    const rest = size % patch;
    if (rest === 0 || (model === "teacher" && !taught)) return [];
    return [
      `the ${model} never sees the last ${rest} of ${size} pixels to the right and below: ${model}.patch=${patch} does not divide data.imageSize=${size}`,
    ];
  });
}
