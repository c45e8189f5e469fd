// What a page uses: the parts of the client, put together.

import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { messageOf } from "./message.js";
import { Outbox } from "./outbox.js";
import { Refused } from "./refused.js";
import { Requests } from "./requests.js";
import { Rooms } from "./rooms.js";
import { Token } from "./token.js";

const TYPING_APART = 2_000;

/** See index.d.ts. */
export class Bouncer {
  #user = null;
  #rank;
  #limits = {};
  // When the token ends, as the server says.
  #exp;
  #events = new Emitter();
  #connection;
  #token;
  #requests;
  #outbox;
  #rooms;

  constructor(options) {
    const all = {
      unanswered: 100,
      WebSocket: globalThis.WebSocket,
      fetch: (...request) => globalThis.fetch(...request),
      ...options,
    };
    const transmit = (message) => this.#connection.send(message);
    const isOnline = () => this.#connection.isOnline;
    const emit = (event, detail) => this.#events.emit(event, detail);
    const requests = (this.#requests = new Requests(transmit));
    this.#token = new Token(all, requests, isOnline);
    this.#outbox = new Outbox({ transmit, nextId: () => requests.nextId(), most: all.unanswered });
    this.#rooms = new Rooms({ requests, isOnline, emit, answered: () => this.#getReady() });
    this.#connection = new Connection(all, this.#token, {
      hello: (hello) => this.#learn(hello),
      online: (token, line) => this.#begin(token, line),
      heard: (message) => this.#handle(message),
      state: (state) => emit("state", state),
      lost: () => this.#interrupted(),
      stopped: () => this.#rejectAll(),
      closed: () => this.#leave(),
    });
  }

  get state() {
    return this.#connection.state;
  }

  get user() {
    return this.#user;
  }

  get token() {
    return this.#token.value;
  }

  on(event, listener) {
    return this.#events.on(event, listener);
  }

  connect() {
    this.#connection.connect();
  }

  close() {
    this.#connection.close();
  }

  // ---- What the page asks for

  join(name) {
    if (this.#connection.isOut) return Promise.reject(new Refused("closed"));
    return this.#rooms.join(name);
  }

  async leave(name) {
    this.#rooms.leave(name);
    try {
      await this.request("room.leave", { room: name });
    } catch (error) {
      // A lost connection is in no room, and does not come back to this one.
      if (error.code !== "closed") throw error;
    }
  }

  async rooms() {
    return (await this.request("room.list")).rooms;
  }

  say(room, text) {
    return this.#keep("chat.send", { room, d: { text } });
  }

  whisper(user, text) {
    return this.#keep("chat.whisper", { to: user, d: { text } });
  }

  async history(room, { before, after } = {}) {
    const { messages, more } = await this.request("chat.history", { room, before, after });
    return { messages: messages.map(messageOf), more };
  }

  async remove(room, mid) {
    await this.request("chat.delete", { room, mid });
  }

  typing(name) {
    const room = this.#rooms.get(name);
    if (!room?.isLive || Date.now() - room.typedAt < TYPING_APART) return;
    room.typedAt = Date.now();
    this.#connection.send({ op: "chat.typing", room: name });
  }

  send(op, d) {
    return this.#connection.send({ op, d });
  }

  request(op, fields) {
    return new Promise((resolve, reject) => this.#requests.ask(op, fields, resolve, reject));
  }

  #keep(op, fields) {
    if (this.#connection.isOut) return Promise.reject(new Refused("closed"));
    return this.#outbox.keep(op, fields);
  }

  // ---- The connection comes and goes

  #learn({ user, rank, exp, limits = {} }) {
    this.#user = user;
    this.#rank = rank;
    this.#exp = exp;
    this.#limits = limits;
  }

  #begin(token, line) {
    this.#events.emit("hello", { user: this.#user, rank: this.#rank, limits: this.#limits });
    if (line.isOver) return;
    this.#token.taken(token, this.#exp);
    this.#rooms.joinAll();
    this.#getReady();
  }

  // After a new connection, what was said is sent again when all rooms have answered.
  #getReady() {
    if (this.#connection.isOnline && !this.#rooms.areAsking) this.#outbox.ready(this.#limits);
  }

  #interrupted() {
    this.#token.interrupted();
    this.#rooms.interrupted();
    this.#outbox.interrupted();
    this.#requests.interrupted();
  }

  // Nothing is sent again after the page has left or was sent away.
  #rejectAll() {
    this.#outbox.rejectAll();
    this.#rooms.rejectAll();
  }

  #leave() {
    this.#rejectAll();
    this.#rooms.leaveAll();
    this.#user = null;
  }

  // ---- What the server says

  #handle(message) {
    const { op, room } = message;
    switch (op) {
      case "beat":
        return;
      case "ack":
      case "err":
        return this.#answered(message);
      case "chat.msg":
        return this.#rooms.get(room)?.said(messageOf(message));
      case "chat.deleted":
        return this.#rooms.get(room)?.deleted(message.seq, message.mid);
      case "presence":
        return this.#rooms.get(room)?.present(message);
      case "chat.whisper": {
        const { mid, ts, from, to, d } = message;
        return this.#events.emit("whisper", { mid, ts, from, to, text: d.text });
      }
      case "chat.typing":
        return this.#events.emit("typing", { room, from: message.from });
      case "room.rules":
        return this.#events.emit("rules", { room, rules: message.rules });
      case "room.closed":
        return this.#rooms.closed(room);
      case "muted": {
        const { left_ms, reason } = message;
        return this.#events.emit("muted", { room, until: Date.now() + left_ms, reason });
      }
      case "unmuted":
        return this.#events.emit("unmuted", { room });
      case "auth.expiring":
        return this.#token.expiring(message.ends_at);
      default:
        this.#events.emit("game", { op, d: message.d });
    }
  }

  #answered({ op, re, code, retry_ms, ...members }) {
    const waiting = this.#requests.take(re) ?? this.#outbox.take(re);
    if (op === "ack") return waiting?.done({ ...members });
    if (code === "rate_limited" && retry_ms) this.#outbox.slowDown(retry_ms);
    if (waiting) waiting.failed(new Refused(code, retry_ms));
    else if (re === undefined) this.#events.emit("refused", { code, retryMs: retry_ms });
  }
}
