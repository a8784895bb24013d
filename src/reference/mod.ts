export {
  attentionBackwardReference,
  attentionReference,
  type AttentionSizes,
} from "./attention.ts";
export { erf, geluDerivativeReference, geluReference } from "./gelu.ts";
export {
  linearBackwardReference,
  linearReference,
  type LinearSizes,
} from "./linear.ts";
