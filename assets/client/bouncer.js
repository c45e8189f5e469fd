// What a page uses: the parts of the client, put together.

import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Incoming } from "./incoming.js";
import { messageOf } from "./message.js";
import { Moderator } from "./moderator.js";
import { Outbox } from "./outbox.js";
import { Refused } from "./refused.js";
import { Requests } from "./requests.js";
import { Rooms } from "./rooms.js";
import { Token } from "./token.js";
import { Wakes } from "./wakes.js";

const TYPING_APART = 2_000;

/** See index.d.ts. */
export class Bouncer extends Moderator {
  #user = null;
  // What the server said first on this connection.
  #hello = {};
  #events = new Emitter();
  #connection;
  #token;
  #requests;
  #outbox;
  #rooms;
  #wakes = new Wakes(() => this.wake());

  constructor(options) {
    super();
    const all = {
      unanswered: 100,
      WebSocket: globalThis.WebSocket,
      fetch: (...request) => globalThis.fetch(...request),
      ...options,
    };
    const transmit = (message) => this.#connection.send(message);
    const isOnline = () => this.#connection.isOnline;
    const emit = (event, detail) => this.#events.emit(event, detail);
    const requests = new Requests(transmit);
    const token = new Token(all, requests, isOnline);
    const outbox = new Outbox({ transmit, nextId: () => requests.nextId(), most: all.unanswered });
    const rooms = new Rooms({ requests, isOnline, emit, answered: () => this.#getReady() });
    const incoming = new Incoming({ emit, requests, outbox, rooms, token });
    this.#requests = requests;
    this.#token = token;
    this.#outbox = outbox;
    this.#rooms = rooms;
    this.#connection = new Connection(all, token, {
      hello: (hello) => this.#learn(hello),
      online: (token, line) => this.#begin(token, line),
      heard: (message) => incoming.handle(message),
      state: (state) => this.#changed(state),
      lost: () => this.#interrupted(),
      stopped: () => this.#rejectAll("closed"),
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

  connect(token) {
    if (token !== undefined) this.#token.replace(token);
    this.#connection.connect();
  }

  wake() {
    this.#connection.wake();
    this.#token.wake();
  }

  close() {
    this.#connection.close();
  }

  // ---- What the page asks for

  join(name) {
    if (this.#connection.isOver) return Promise.reject(new Refused("closed"));
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
    if (this.#connection.isOver) return Promise.reject(new Refused("closed"));
    return this.#outbox.keep(op, fields);
  }

  // ---- The connection comes and goes

  #learn(hello) {
    // What somebody wanted to say is not said by somebody else.
    if (this.#user && this.#user.id !== hello.user.id) this.#outbox.rejectAll("other_user");
    this.#user = hello.user;
    this.#hello = { limits: {}, ...hello };
  }

  #begin(token, line) {
    const { user, rank, limits } = this.#hello;
    this.#events.emit("hello", { user, rank, limits });
    if (line.isOver) return;
    this.#token.taken(token, this.#hello);
    this.#rooms.joinAll();
    this.#getReady();
  }

  // After a new connection, what was said is sent again when all rooms have answered.
  #getReady() {
    if (this.#connection.isOnline && !this.#rooms.areAsking) this.#outbox.ready(this.#hello.limits);
  }

  #changed(state) {
    if (state.name === "closed" || state.name === "stopped") this.#wakes.stop();
    else this.#wakes.start();
    this.#events.emit("state", state);
  }

  #interrupted() {
    this.#token.interrupted();
    this.#rooms.interrupted();
    this.#outbox.interrupted();
    this.#requests.interrupted();
  }

  // Nothing is sent again after the page has left or was sent away.
  #rejectAll(code) {
    this.#outbox.rejectAll(code);
    this.#rooms.rejectAll(code);
  }

  #leave() {
    this.#rejectAll("closed");
    this.#rooms.leaveAll();
    this.#user = null;
  }
}
