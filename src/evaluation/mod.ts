export { evaluateLogits, type Evaluation } from "./evaluate.ts";
export {
  type Averaged,
  type ConfusionFigures,
  confusionFigures,
  confusionMatrix,
} from "./confusion.ts";
export { argmaxRows, softmaxRows, totalVariation } from "./probabilities.ts";
export { areaUnderRoc, type AucFigures } from "./auc.ts";
export {
  calibrationError,
  reliability,
  type ReliabilityBin,
} from "./calibration.ts";
