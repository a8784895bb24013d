export {
  APART,
  type Flow,
  type Link,
  type LinkCounts,
  type LinkReceiver,
  type TunableLink,
} from "./link.ts";
export {
  type Fate,
  MemoryNetwork,
  type MemoryNetworkOptions,
} from "./memory_link.ts";
export { isLoopback, ownAddresses } from "./addresses.ts";
export { DirectLink } from "./direct_link.ts";
export {
  connectPeers,
  type DirectAddress,
  type DirectOptions,
} from "./direct_peers.ts";
export { type NatsLinkOptions, openNatsLink } from "./nats_link.ts";
export {
  decodeFrame,
  encodeHead,
  FRAME,
  type FrameFault,
  type FrameHead,
  HEAD_BYTES,
  type PartialHead,
  runHash,
  type World,
} from "./frame.ts";
export {
  Channel,
  type ChannelCounts,
  type ChannelOptions,
  WINDOW_BYTES,
} from "./channel.ts";
export type { Parcel } from "./outbox.ts";
export {
  type Credentials,
  type Identity,
  readCredentials,
  readIdentity,
} from "./credentials.ts";
export {
  connectControl,
  type Control,
  type ControlOptions,
  type DisconnectNotice,
  type Messenger,
  NoAnswerError,
  type RefusalNotice,
} from "./control.ts";
