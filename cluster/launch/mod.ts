export { probeAdapter } from "./adapter_probe.ts";
export {
  type LaunchEnd,
  type LaunchOptions,
  launchProgram,
} from "./launch_program.ts";
export { certificatesIn, makeCertificates } from "./certificates.ts";
export { findNatsServer } from "./nats_binary.ts";
export { type NatsServer, startNatsServer } from "./nats_server.ts";
export { SERVER_OPTIONS, serverRequestOf } from "./run_server.ts";
export {
  chooseRun,
  requestedConfig,
  type RunChoice,
  type RunRequest,
} from "./run_choice.ts";
export {
  type RunPlan,
  trainRun,
  type TrainRunEnd,
  type TrainRunOptions,
} from "./train_run.ts";
export { cacheFolderOf } from "./cache_folder.ts";
