export { mostRanks } from "./checks.ts";
export { type Config, configJsonSchema } from "./schema.ts";
export { loadConfig, parseConfig } from "./load.ts";
export { type ConfigKey, configKeys } from "./keys.ts";
export { nearest } from "./nearest.ts";
export { schemaText, writeSchema } from "./write_schema.ts";
export {
  DISTILL_LOSSES,
  type DistillLoss,
  finalValue,
  usesLoss,
} from "./distill_weights.ts";
