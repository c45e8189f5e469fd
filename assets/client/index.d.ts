/** A client of `bouncer.v1`: see docs/protocol.md. */

export interface User { id: string; name: string; roles: string[] }
/** Somebody in a room. The rank is 0, 1 for a moderator, 2 for an admin. */
export interface Member { id: string; name: string; rank: number }
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
/** The messages have come as `message` by then, as far as they were not known; `more` says whether there are older ones. */
/** `count` is how many users are in the room, of whom `members` are some when there are many. */
export interface Joined { room: string; rules: Rules; count: number; members: Member[]; messages: Message[]; more: boolean }
export interface Page { messages: Message[]; more: boolean }

/** What the page should show. `until` is unix milliseconds. */
export type State =
  | { name: "closed" }
  | { name: "connecting" }
  | { name: "online" }
  | { name: "waiting"; cause: Cause; until: number }
  | { name: "stopped"; cause: Cause };

/** Why there is no connection. `words` are for the player, as the server or `renew` said them, and often empty. */
export interface Cause {
  /** Close code, when a connection ended. */
  close?: number;
  /** HTTP status, when the door or `renew` refused; 0 when the door does not answer. */
  status?: number;
  /**
   * One word: the server's, such as "kicked", "banned", "token_revoked", "replaced", "unauthorized", or the client's:
   * "unreachable", "not_connected" (the door would let us in), "refused" (the door does not say why),
   * "connection_lost", "silent", "bad_protocol" (the server was not understood), "not_renewed", "unusable" (an
   * address or a token that no connection can be made with).
   */
  code: string;
  words: string;
}

export interface Options {
  /** `ws://…` or `wss://…`. */
  url: string;
  /** The token to begin with. */
  token: string;
  /**
   * Gets another token: before this one expires ("expiring"), or after it was refused ("refused"). Rejects when there
   * is none; with `status` 401 or 403 on the error that is final, anything else is tried again later, also when there
   * is no answer in 30 s. `code`, `message` and `retryMs` of the error are passed on and kept to.
   */
  renew?: (why: "expiring" | "refused") => Promise<string>;
  /** Messages that wait for their answer; more are refused. Default 100. No more than the server's `remembered_ids`. */
  unanswered?: number;
  /** Where there are none, and for tests. */
  WebSocket?: new (url: string, protocols: string[]) => { readyState: number; send(data: string): void; close(code?: number): void };
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** The server said no, or there was no answer. `code` is one of docs/protocol.md's, or "closed" or "too_many_unanswered". */
export class Refused extends Error {
  constructor(code: string, retryMs?: number);
  code: string;
  /** When it may be tried again. It is not done by itself. */
  retryMs?: number;
}

export interface Events {
  state: State;
  hello: { user: User; rank: number; limits: Record<string, number> };
  /** A message that was not shown before: each once, and in the order of the room. `isOld` when it was said before the room was joined or while the connection was lost. */
  message: Message & { isOld: boolean };
  /** By a moderator or by whoever said it. Also of messages that were never shown. */
  deleted: { room: string; seq: number; mid: string };
  whisper: Whisper;
  typing: { room: string; from: Speaker };
  /** Who is in the room now: whole after joining, also again, and after each change with who came and left. */
  presence: { room: string; members: Member[]; joined: Member[]; left: Member[] };
  /** After joining, also again, and after each change. */
  rules: { room: string; rules: Rules };
  /** The server began anew, or more was said meanwhile than it remembers: messages of this room may be missing before the next one. */
  gap: { room: string };
  /** The room is closed, or does not take us back. It is not joined again. */
  closed: { room: string };
  /** Told again after each `hello` while it lasts: forget what was told before. */
  muted: { room?: string; until: number; reason?: string };
  unmuted: { room?: string };
  /** The game's own. */
  game: { op: string; d: unknown };
  /** Something that is not answered, by `typing` or `send`, was refused. */
  refused: { code: string; retryMs?: number };
}

export class Bouncer {
  constructor(options: Options);
  /** Connects, and stays so until `close`. Also after "stopped" or to wait no longer; when connected, nothing happens. */
  connect(): void;
  /** Leaves all rooms and goes for good. What was not answered is rejected with "closed". */
  close(): void;
  readonly state: State;
  readonly user: User | null;
  readonly token: string;
  /** Returns what ends the subscription. */
  on<E extends keyof Events>(event: E, listener: (detail: Events[E]) => void): () => void;

  /** Rooms that were joined are joined again after each connection, also after "stopped". Waits for the connection. */
  join(room: string): Promise<Joined>;
  leave(room: string): Promise<void>;
  /** At most 500, by name. */
  rooms(): Promise<{ room: string; members: number }[]>;
  /**
   * Sent again after a lost connection until it is answered; said once, and in order. Rejected with "closed" when the
   * state is or becomes "closed" or "stopped": it may have been said then.
   */
  say(room: string, text: string): Promise<{ seq: number; mid: string; ts: number }>;
  /**
   * Like `say`. Where a user is on another node, whispers may overtake each other; and one that was not answered before
   * the server restarted may be said twice.
   */
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
