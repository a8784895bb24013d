export {
  type Confidences,
  evaluateConfidences,
  evaluateLogits,
  type Evaluation,
  scoreLogits,
  type Scores,
} from "./evaluate.ts";
export {
  type Averaged,
  type ConfusionFigures,
  confusionFigures,
  confusionMatrix,
} from "./confusion.ts";
export { argmaxRows, softmaxRows, totalVariation } from "./probabilities.ts";
export { areaUnderRoc, type AucFigures, aucFigures } from "./auc.ts";
export { percent, percentDigits } from "./percent.ts";
export { calibrate, type Calibration, fitTemperature } from "./temperature.ts";
export { ROC_GRID, rocCurve, type RocCurves, rocCurves } from "./roc.ts";
export {
  calibrationError,
  reliability,
  type ReliabilityBin,
} from "./calibration.ts";
export { fitRidge, type Ridge } from "./ridge.ts";
export { type SuspectedLabel, suspectLabels } from "./confident_learning.ts";
export {
  type Estimate,
  estimate,
  fitPowerLaw,
  type PowerLaw,
} from "./statistics.ts";
