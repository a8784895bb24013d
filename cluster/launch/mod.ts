export {
  type Elsewhere,
  type LaunchEnd,
  type LaunchOptions,
  launchProgram,
} from "./launch_program.ts";
export { certificatesIn, makeCertificates } from "./certificates.ts";
export { findNatsServer } from "./nats_binary.ts";
export { type NatsServer, startNatsServer } from "./nats_server.ts";
export {
  SERVER_OPTIONS,
  serverAddress,
  serverRequestOf,
} from "./run_server.ts";
export {
  chooseRun,
  requestedConfig,
  type RunChoice,
  type RunRequest,
} from "./run_choice.ts";
export {
  endOf,
  runVerb,
  startVerb,
  type VerbChildOptions,
} from "./verb_child.ts";
export { temporaryFolder } from "./temporary_folder.ts";
export { FreshRun } from "./fresh_run.ts";
export { checkInputs } from "./inputs.ts";
export { type Donor, readDonor, withLabels } from "./take_phases.ts";
export {
  type RunPlan,
  trainRun,
  type TrainRunEnd,
  type TrainRunOptions,
} from "./train_run.ts";
export { allowedCores, coresEach, ownCores } from "./core_places.ts";
export { rankVariables } from "./local.ts";
export { signalChild } from "./signal_child.ts";
export { cacheFolderOf, tuningFolderOf } from "./cache_folder.ts";
export { type Host, parseHosts, sshStarter } from "./ssh_ranks.ts";
export { groupStarter } from "./group_ranks.ts";
export { Places } from "./places.ts";
export { takePlace, waitingStarter } from "./workers.ts";
export { findOwnPlace, isTask, type OwnPlace } from "./own_place.ts";
export { type Joined, type JoinRequest, joinRun } from "./join_run.ts";
export {
  GPU_DEFAULTS,
  gpuArguments,
  gpuOf,
  type GpuWish,
  placeOwn,
  takeGpu,
} from "./own_gpu.ts";
export type { RankProcess } from "./local.ts";
export { type BehindOptions, rankBehind } from "./rank_behind.ts";
export { ownAddress } from "./node_server.ts";
export {
  localStarter,
  rankArguments,
  type StartAbout,
  type StartedRank,
  type Starter,
} from "./starter.ts";
