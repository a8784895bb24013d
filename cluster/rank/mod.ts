export {
  type RankOptions,
  type RankSession,
  type Reason,
  startRank,
} from "./rank.ts";
