// A server of `bouncer.v1` that does what a test tells it to, and what starts a client against it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { Bouncer } from "../../assets/client/index.js";

// Kept from before a test takes the clock into its hands.
const realSetTimeout = globalThis.setTimeout;
const DEADLINE = 10_000;

/** Waits until it gives something. */
export async function until(what, words = String(what)) {
  const end = performance.now() + DEADLINE;
  for (;;) {
    const found = what();
    if (found) return found;
    if (performance.now() > end) assert.fail(`did not happen: ${words}`);
    await new Promise((resolve) => realSetTimeout(resolve, 2));
  }
}

export const ann = { id: "u1", name: "Ann", rank: 0 };
export const bob = { id: "u2", name: "Bob", rank: 0 };

export class FakeServer {
  /** What the door says to this token: nothing, or `{ status, body }`. */
  door = () => null;
  /** Whether upgrades are refused although the preflight passes. */
  isBlocked = false;
  hello = {};
  rooms = new Map();
  historyPage = 50;
  /** All connections there were, each with the messages that came. */
  connections = [];
  preflights = [];
  /** By op, what is done instead. */
  instead = {};
  #answers = new Map();
  #mids = 0;

  static async start() {
    const server = new FakeServer();
    server.http = createServer((request, response) => server.#answerHttp(request, response));
    server.sockets = new WebSocketServer({
      noServer: true,
      handleProtocols: () => "bouncer.v1",
    });
    server.http.on("upgrade", (request, socket, head) => server.#upgrade(request, socket, head));
    await new Promise((resolve) => server.http.listen(0, "127.0.0.1", resolve));
    server.url = `ws://127.0.0.1:${server.http.address().port}/ws`;
    return server;
  }

  async stop() {
    for (const { socket } of this.connections) socket.terminate();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  get last() {
    return this.connections.at(-1);
  }

  /** All requests with this op, over all connections. */
  received(op) {
    return this.connections.flatMap(({ received }) => received.filter((one) => one.op === op));
  }

  room(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, { epoch: "e1", seq: 0, messages: [] });
    return this.rooms.get(name);
  }

  /** Remembers a message without telling anybody, as when it is said while they are away. */
  remember(name, text, from = { id: bob.id, name: bob.name }) {
    const room = this.room(name);
    room.seq += 1;
    this.#mids += 1;
    const mid = `${room.epoch}-${this.#mids}`;
    const d = { text };
    const message = { op: "chat.msg", room: name, seq: room.seq, mid, ts: 1_000 + room.seq, from, d };
    room.messages.push(message);
    return message;
  }

  say(name, text, from) {
    const message = this.remember(name, text, from);
    this.last.send(message);
    return message;
  }

  #answerHttp(request, response) {
    assert.equal(request.url, "/ws/preflight");
    const token = request.headers.authorization.replace("Bearer ", "");
    this.preflights.push(token);
    const refusal = this.door(token);
    response.writeHead(refusal?.status ?? 204, { "Content-Type": "application/json" });
    response.end(refusal?.body && JSON.stringify(refusal.body));
  }

  #upgrade(request, socket, head) {
    const offered = request.headers["sec-websocket-protocol"].split(/, */);
    assert.equal(offered[0], "bouncer.v1");
    const token = offered[1].replace("bearer.", "");
    const refusal = this.door(token);
    if (refusal || this.isBlocked) {
      const status = refusal?.status ?? 502;
      return socket.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    }
    this.sockets.handleUpgrade(request, socket, head, (opened) => this.#accept(opened, token));
  }

  #accept(socket, token) {
    const connection = {
      socket,
      token,
      received: [],
      send: (message) => socket.send(JSON.stringify(message)),
      ack: (request, members) => connection.send({ op: "ack", re: request.id, ...members }),
      err: (request, code, retry_ms) => connection.send({ op: "err", re: request.id, code, retry_ms }),
    };
    this.connections.push(connection);
    socket.on("error", () => {});
    socket.on("close", (code) => (connection.closedWith = code));
    socket.on("message", (data) => {
      const request = JSON.parse(data.toString());
      connection.received.push(request);
      const answer = this.instead[request.op] ?? this[`on ${request.op}`];
      if (answer) answer.call(this, connection, request);
    });
    if (this.instead.hello) return this.instead.hello(connection);
    connection.send({
      op: "hello",
      user: { id: ann.id, name: ann.name, roles: [] },
      rank: 0,
      heartbeat_ms: 10_000,
      reconnect: { first_ms: 10, longest_ms: 40 },
      limits: { text_length: 500, burst: 5, messages_per_second: 100 },
      ...this.hello,
    });
  }

  "on room.join"(connection, request) {
    const room = this.room(request.room);
    const { epoch, seq } = room;
    const messages = room.messages.slice(-this.historyPage);
    const more = messages.length < room.messages.length;
    const rules = room.rules ?? { slow_ms: 0, frozen: false };
    const members = room.members ?? [ann];
    const count = members.length;
    connection.ack(request, { room: request.room, epoch, seq, rules, count, members, messages, more });
  }

  "on room.leave"(connection, request) {
    connection.ack(request, {});
  }

  "on chat.history"(connection, request) {
    const { epoch, messages: all } = this.room(request.room);
    const { after, before } = request;
    const range = all.filter(
      ({ seq }) => (after === undefined || seq > after) && (before === undefined || seq < before),
    );
    const messages =
      after === undefined ? range.slice(-this.historyPage) : range.slice(0, this.historyPage);
    const more = messages.length < range.length;
    connection.ack(request, { room: request.room, epoch, messages, more });
  }

  "on chat.send"(connection, request) {
    const known = this.#answers.get(request.id);
    if (known) return connection.send(known);
    const message = this.remember(request.room, request.d.text, { id: ann.id, name: ann.name });
    const { seq, mid, ts } = message;
    const answer = { op: "ack", re: request.id, room: request.room, seq, mid, ts };
    this.#answers.set(request.id, answer);
    if (connection.socket.readyState !== WebSocket.OPEN) return;
    connection.send(message);
    connection.send(answer);
  }

  "on chat.whisper"(connection, request) {
    const known = this.#answers.get(request.id);
    if (known) return connection.send(known);
    this.whispers = [...(this.whispers ?? []), request.d.text];
    const answer = { op: "ack", re: request.id, mid: `w-${this.whispers.length}`, ts: 1 };
    this.#answers.set(request.id, answer);
    connection.send(answer);
  }

  "on auth.refresh"(connection, request) {
    connection.ack(request, { exp: Math.floor(Date.now() / 1000) + 3_600 });
  }
}

/** A server, a client of it that is not connected yet, and what the client told. */
export async function start(t, options = {}) {
  const server = await FakeServer.start();
  const client = new Bouncer({ url: server.url, token: "t1", WebSocket, ...options });
  const told = { state: [] };
  const names = ["state", "hello", "message", "deleted", "whisper", "typing", "presence", "rules", "gap"];
  for (const name of [...names, "closed", "stored", "notice", "joined", "muted", "unmuted", "game", "refused"]) {
    told[name] = [];
    client.on(name, (detail) => told[name].push(detail));
  }
  // Everything that is about messages, in one order.
  told.story = [];
  client.on("message", ({ text, isOld }) => told.story.push(isOld ? `old ${text}` : text));
  client.on("gap", () => told.story.push("GAP"));
  t.after(async () => {
    client.close();
    await server.stop();
  });
  const online = (count = 1) =>
    until(
      () => server.connections.length >= count && client.state.name === "online",
      `connection ${count}, is ${JSON.stringify(client.state)} with ${server.connections.length}`,
    );
  const state = (name) => until(() => client.state.name === name && client.state, `state ${name}`);
  /** When this is answered, everything that the server sent before has been handled. */
  const settled = async () => {
    server.instead["test.echo"] ??= (connection, request) => connection.ack(request, {});
    await client.request("test.echo");
  };
  return { server, client, told, online, state, settled };
}

export { WebSocket, realSetTimeout };
