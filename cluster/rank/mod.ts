export { type RankOptions, type RankSession, startRank } from "./rank.ts";
