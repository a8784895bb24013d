export { assertClose, type Tolerance } from "./assert_close.ts";
export { gaussian, uniform } from "./random.ts";
