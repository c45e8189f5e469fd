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
/**
 * A room that the page is in. The messages have come as `message` by then, as far as they were not known; `more` says
 * whether there are older ones. `count` is how many users are in the room, of whom `members` are some when there are many.
 */
export interface Joined { room: string; rules: Rules; count: number; members: Member[]; messages: Message[]; more: boolean }
export interface Page { messages: Message[]; more: boolean }
/**
 * What was said has its place in the room. `stored` is false while the server's archive has yet to store it (then `stored`
 * comes as an event), true when it has by now, and absent where there is no archive.
 */
export interface Said { room: string; seq: number; mid: string; ts: number; stored?: boolean; handled?: undefined }
/** The game has answered it, with a `notice`, and nobody else hears it. */
export interface Handled { handled: true; room?: string; seq?: undefined; mid?: undefined; ts?: undefined; stored?: undefined }
/** One of the mutes that hold, everywhere when there is no room. */
export interface Mute { user: string; name: string; room?: string; left_ms: number }

/**
 * What the page should show. `until` is in milliseconds of this machine's clock, for `until - Date.now()`.
 *
 * `stopped` lasts until the page calls `connect`. Its `why` is "unauthorized" when there has to be another token: then nothing
 * is lost, rooms and what was not answered go on with `connect(token)`. It is "banned", with `until` where the ban has an end
 * (after a connection that ended with it, the same state comes once more with it), or "refused" for everything else.
 */
export type State =
  | { name: "closed" }
  | { name: "connecting" }
  | { name: "online" }
  | { name: "waiting"; cause: Cause; until: number }
  | { name: "stopped"; why: "unauthorized" | "banned" | "refused"; cause: Cause; until?: number };

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

/** The server said no, or there was no answer. `code` is one of docs/protocol.md's, or "closed", "too_many_unanswered" or "other_user". */
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
  /** What this user said in the room up to this number is stored. Told again after a room was joined, also again. */
  stored: { room: string; seq: number };
  whisper: Whisper;
  typing: { room: string; from: Speaker };
  /** Words of the game for this user alone, about a room or none. */
  notice: { room?: string; text: string; tone: "info" | "warning" };
  /** The game has put this user into a room. It is kept until the connection is lost, and told again when the game does so again. */
  joined: Joined;
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
  /**
   * Connects, and stays so until `close`. Also after "stopped" or to wait no longer; when connected, nothing happens. With a
   * token, that one is used from now on, also by a connection that there is: after a stop that was "unauthorized", everything
   * goes on where it was, unless the token is another user's. Then what was not answered is rejected with "other_user".
   */
  connect(token?: string): void;
  /**
   * Says that the page or its network may be back from sleep: a wait ends at once, though not again and again and not before
   * the time that the server asked for, and a line that died meanwhile is noticed. In browsers this happens by itself, with
   * `visibilitychange`, `pageshow` and `online` and when the clock has gone on without the page; elsewhere the app may know.
   */
  wake(): void;
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
   * state is or becomes "closed" or "stopped", unless that is "unauthorized": it may have been said then.
   */
  say(room: string, text: string): Promise<Said | Handled>;
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
  /** Any request by name, with its fields. Not sent again after a lost connection. */
  request(op: string, fields?: Record<string, unknown>): Promise<Record<string, unknown>>;

  // For moderators and admins, and users of a lower rank. docs/protocol.md says what each does. Reasons are for the user.
  /** For so many seconds, or as long as mutes last at most; in a room, or everywhere and in whispers. */
  mute(user: string, how?: { room?: string; seconds?: number; reason?: string }): Promise<{ left_ms: number }>;
  unmute(user: string, room?: string): Promise<void>;
  /** Who is muted, the longest first, 500 at most. */
  mutes(): Promise<{ mutes: Mute[]; more: boolean }>;
  /** Ends all sessions. The user may come back. */
  kick(user: string, reason?: string): Promise<void>;
  /** Keeps the user out, for so many seconds or until `restore`. */
  ban(user: string, how?: { seconds?: number; reason?: string }): Promise<void>;
  /** Logs the user out everywhere: tokens of before are worth nothing, and a new log-in works. */
  logOut(user: string, reason?: string): Promise<void>;
  /** Locks the account: no token is accepted until `restore`. */
  revoke(user: string, reason?: string): Promise<void>;
  /** Lets the user in again. */
  restore(user: string): Promise<void>;
  /** Seconds between two messages of a user in the room; 0 ends it. */
  slow(room: string, seconds: number): Promise<void>;
  /** Whether only moderators may speak in the room. */
  freeze(room: string, on: boolean): Promise<void>;
}
