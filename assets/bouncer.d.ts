/** A client of `bouncer.v1`: see PROTOCOL.md. */

export interface User { id: string; name: string; roles: string[] }
/** Who said something. Without an id it is a character of the game. */
export interface Speaker { id?: string; name: string }
export interface Message {
  room: string;
  /** Counts the room's messages, until the server starts anew. */
  seq: number;
  /** Never used twice. */
  mid: string;
  /** Unix milliseconds. */
  ts: number;
  /** Null when the game itself speaks. */
  from: Speaker | null;
  /** Null when it was deleted. */
  text: string | null;
}
export interface Whisper { mid: string; ts: number; from: Speaker; to: Speaker; text: string }
export interface Rules { slow_ms: number; frozen: boolean }
export interface Joined { room: string; rules: Rules; members: User[]; messages: Message[]; more: boolean }
export interface Page { messages: Message[]; more: boolean }

/** What the page should show. `until` is unix milliseconds. */
export type State =
  | { name: "closed" }
  | { name: "connecting" }
  | { name: "online" }
  | { name: "waiting"; cause: Cause; until: number }
  | { name: "stopped"; cause: Cause };

/** Why there is no connection. `words` are the server's for the player, if any. */
export interface Cause {
  /** Close code, when a connection ended. */
  close?: number;
  /** HTTP status, when the door refused; 0 when it does not answer. */
  status?: number;
  /** One word: "kicked", "banned", "token_revoked", "replaced", "unauthorized", "unreachable", "silent"… */
  code: string;
  words: string;
}

export interface Options {
  /** `ws://…` or `wss://…`. */
  url: string;
  /** The token to begin with. */
  token: string;
  /** Gets another token: before this one expires ("expiring"), or after it was refused ("refused"). Rejects when there is none; with `status` 401 or 403 on the error that is final, anything else is tried again later. */
  renew?: (why: "expiring" | "refused") => Promise<string>;
  /** Messages that wait for their answer; more are refused. Default 100. */
  unanswered?: number;
  /** For tests. */
  WebSocket?: typeof WebSocket;
  fetch?: typeof fetch;
}

/** The server said no, or there was no answer. `code` is one of PROTOCOL.md's, or "closed" or "too_many_unanswered". */
export class Refused extends Error { code: string; retryMs?: number }

export interface Events {
  state: State;
  hello: { user: User; rank: number; limits: Record<string, number> };
  /** A message that was not shown before: each once, and in the order of the room. `isOld` when it was said before the room was joined or while the connection was lost. */
  message: Message & { isOld: boolean };
  deleted: { room: string; seq: number; mid: string };
  whisper: Whisper;
  typing: { room: string; from: Speaker };
  /** Who is in the room now: whole after joining, and after each change with who came and left. */
  presence: { room: string; members: User[]; joined: User[]; left: User[] };
  rules: { room: string; rules: Rules };
  /** The server began anew, or more was said meanwhile than it remembers: messages of this room may be missing before the next one. */
  gap: { room: string };
  closed: { room: string };
  muted: { room?: string; until: number; reason?: string };
  unmuted: { room?: string };
  /** The game's own. */
  game: { op: string; d: unknown };
}

export class Bouncer {
  constructor(options: Options);
  /** Connects, and stays so until `close`. Also after "stopped" or to wait no longer. */
  connect(): void;
  /** Leaves for good. What was not answered is rejected with "closed". */
  close(): void;
  readonly state: State;
  readonly user: User | null;
  readonly token: string;
  /** Returns what ends the subscription. */
  on<E extends keyof Events>(event: E, listener: (detail: Events[E]) => void): () => void;

  /** Rooms that were joined are joined again after each connection. */
  join(room: string): Promise<Joined>;
  leave(room: string): Promise<void>;
  rooms(): Promise<{ room: string; members: number }[]>;
  /** Sent again after a lost connection until it is answered; said once. */
  say(room: string, text: string): Promise<{ seq: number; mid: string; ts: number }>;
  whisper(user: string, text: string): Promise<{ mid: string; ts: number }>;
  history(room: string, range: { before?: number; after?: number }): Promise<Page>;
  remove(room: string, mid: string): Promise<void>;
  /** Tells the room that the user is writing, seldom enough. */
  typing(room: string): void;
  /** The game's own message. False when there is no connection: it is not kept. */
  send(op: string, d: unknown): boolean;
  /** Any request by name, such as "mod.mute", with its fields. Not sent again after a lost connection. */
  request(op: string, fields?: Record<string, unknown>): Promise<Record<string, unknown>>;
}
