export type { Clock, Disk, Env, FileInfo, Timers } from "./env.ts";
export { diskError, isLossyName } from "./disk_error.ts";
export { realEnv } from "./real.ts";
export { ConfigError, EnvironmentError, SignetError } from "./errors.ts";
