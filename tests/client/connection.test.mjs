import assert from "node:assert/strict";
import { test } from "node:test";
import { start, until } from "./fake_server.mjs";

for (const code of [4000, 4001, 4004, 4099, 1001, 1011, "lost"]) {
  test(`close-codes: comes back after ${code}`, async (t) => {
    const { server, client, told, online } = await start(t);
    client.connect();
    await online();
    if (code === "lost") server.last.socket.terminate();
    else server.last.socket.close(code, "some_word: be nice");
    await online(2);
    const { cause } = told.state.find(({ name }) => name === "waiting");
    const expected = { close: code, code: "some_word", words: "be nice" };
    const lost = { close: 1006, code: "connection_lost", words: "" };
    assert.deepEqual(cause, code === "lost" ? lost : expected);
    assert.deepEqual(
      told.state.map(({ name }) => name),
      ["connecting", "online", "waiting", "connecting", "online"],
    );
  });
}

for (const code of [4400, 4403, 4409, 4410, 4499, 1002, 1003, 1007, 1009]) {
  test(`stop: after ${code}`, async (t) => {
    const { server, client, online, state } = await start(t, { renew: () => assert.fail() });
    client.connect();
    await online();
    const unanswered = assert.rejects(client.request("never"), { code: "closed" });
    server.last.socket.close(code, "some_word");
    const { cause } = await state("stopped");
    assert.deepEqual(cause, { close: code, code: "some_word", words: "" });
    await unanswered;
    // Until the user acts.
    client.connect();
    await online(2);
  });
}

test("server-time: keeps what a draining server asks for", async (t) => {
  const { server, client, told, online } = await start(t);
  client.connect();
  await online();
  const before = performance.now();
  server.last.socket.close(4000, "draining: come back in 300 ms");
  await online(2);
  assert.ok(performance.now() - before >= 299);
  assert.deepEqual(told.state[2].cause, { close: 4000, code: "draining", words: "" });
});

test("patience: waits longer each time, at random, up to the longest", async (t) => {
  const { server, client, told, online } = await start(t);
  client.connect();
  for (let count = 1; count <= 5; count += 1) {
    await online(count);
    const before = Date.now();
    server.last.socket.close(4006, "overloaded");
    await until(() => told.state.filter(({ name }) => name === "waiting").length === count);
    const waiting = told.state.findLast(({ name }) => name === "waiting");
    const whole = Math.min(40, 10 * 2 ** (count - 1));
    const wait = waiting.until - before;
    assert.ok(wait >= whole / 2 - 1, `${wait} of ${whole}`);
    assert.ok(wait <= whole + (Date.now() - before) + 1, `${wait} of ${whole}`);
  }
});

for (const status of [403, 404]) {
  test(`door: stops when it says ${status}, with its words`, async (t) => {
    const { server, client, state } = await start(t);
    server.door = () => ({ status, body: { error: "some_word", message: "not you" } });
    client.connect();
    const { cause } = await state("stopped");
    assert.deepEqual(cause, { status, code: "some_word", words: "not you" });
    assert.deepEqual(server.preflights, ["t1"]);
  });
}

for (const status of [408, 409, 429, 500, 503]) {
  test(`door: waits, and as long as it asks for, when it says ${status}`, async (t) => {
    const { server, client, online, state } = await start(t);
    const body = { error: "busy", message: "many are here", retry_after_ms: 1_100 };
    server.door = () => ({ status, body });
    const before = Date.now();
    client.connect();
    const { cause, until: end } = await state("waiting");
    assert.deepEqual(cause, { status, code: "busy", words: "many are here" });
    assert.ok(end - before > 1_000);
    server.door = () => null;
    // The user need not wait.
    client.connect();
    await online();
  });
}

test("door: waits when nobody is there", async (t) => {
  const { server, client, state } = await start(t);
  await server.stop();
  server.stop = () => {};
  client.connect();
  const { cause } = await state("waiting");
  assert.deepEqual(cause, { status: 0, code: "unreachable", words: "" });
});

test("door: waits when the preflight passes and the upgrade does not", async (t) => {
  const { server, client, online, state } = await start(t);
  server.isBlocked = true;
  client.connect();
  const { cause } = await state("waiting");
  assert.deepEqual(cause, { status: 204, code: "not_connected", words: "" });
  server.isBlocked = false;
  await online();
});

test("heartbeat: takes a silent line for dead", async (t) => {
  const { server, client, told, online } = await start(t);
  // Silent for 2.5 times this long.
  server.hello = { heartbeat_ms: 400 };
  client.connect();
  await online();
  // Signs of life keep it.
  const beats = setInterval(() => server.connections[0].send({ op: "beat" }), 10);
  // Also when this test fails, which would never end otherwise.
  t.after(() => clearInterval(beats));
  const end = performance.now() + 2_000;
  await until(() => performance.now() > end);
  assert.equal(server.connections.length, 1);
  clearInterval(beats);
  await online(2);
  assert.deepEqual(told.state[2].cause, { code: "silent", words: "" });
});

for (const [what, text] of [
  ["is not JSON", "{"],
  ["has no op", "[]"],
  ["lacks a field", '{"op":"presence","room":"lobby"}'],
]) {
  test(`malformed: reconnects when a message ${what}`, async (t) => {
    t.mock.method(console, "error", () => {});
    const { server, client, told, online } = await start(t);
    client.connect();
    await online();
    await client.join("lobby");
    server.last.socket.send(text);
    await online(2);
    assert.equal(told.state[2].cause.code, "bad_protocol");
    await until(() => server.connections[0].closedWith === 4400);
  });
}

test("unknown: what a later server adds harms nobody", async (t) => {
  const { server, client, told, online, state, settled } = await start(t);
  server.hello = { colour: "red" };
  client.connect();
  await online();
  await client.join("lobby");
  server.last.send({ op: "later", d: 1, more: 2 });
  server.last.send({ ...server.remember("lobby", "a"), colour: "red" });
  await settled();
  assert.deepEqual(told.game, [{ op: "later", d: 1 }]);
  assert.deepEqual(told.story, ["a"]);
  // By their ranges.
  server.last.socket.close(4042, "something_new");
  await online(2);
  server.last.socket.close(4142, "something_new");
  assert.equal((await state("stopped")).why, "unauthorized");
});

test("resume: a client that is back asks for nothing but its rooms", async (t) => {
  const { server, client, online, settled } = await start(t);
  client.connect();
  await online();
  await client.join("lobby");
  server.last.socket.terminate();
  await online(2);
  await settled();
  assert.deepEqual(
    server.last.received.map(({ op }) => op),
    ["room.join", "test.echo"],
  );
});

test("patience-reset: the user need not be patient", async (t) => {
  const { server, client, online, state } = await start(t);
  server.hello = { reconnect: { first_ms: 2_000, longest_ms: 3_600_000 } };
  client.connect();
  await online();
  const lose = async () => {
    const before = Date.now();
    server.last.socket.close(4006, "overloaded");
    return (await state("waiting")).until - before;
  };
  assert.ok((await lose()) < 3_000);
  // The user does not wait, and has a short first wait again.
  client.connect();
  await online(2);
  assert.ok((await lose()) < 3_000);
});

test("a listener that fails harms nobody", async (t) => {
  const reported = t.mock.method(console, "error", () => {});
  const { server, client, told, online, settled } = await start(t);
  const fails = () => {
    throw new Error("the page's mistake");
  };
  const second = [];
  for (const event of ["state", "hello", "message"]) client.on(event, fails);
  client.on("message", ({ text }) => second.push(text));
  client.connect();
  await online();
  await client.join("lobby");
  server.say("lobby", "a");
  server.say("lobby", "b");
  await settled();
  assert.deepEqual(second, ["a", "b"]);
  assert.deepEqual(told.story, ["a", "b"]);
  assert.equal(server.connections.length, 1);
  assert.equal(reported.mock.callCount(), 5);
});

test("connecting twice makes one connection", async (t) => {
  const { server, client, online, settled } = await start(t);
  client.connect();
  client.connect();
  await online();
  client.connect();
  await settled();
  assert.equal(server.connections.length, 1);
});

test("late events of an old socket are ignored", async (t) => {
  const sockets = [];
  class Socket {
    readyState = 0;
    constructor() {
      sockets.push(this);
    }
    send() {}
    close() {}
    open(user) {
      this.readyState = 1;
      this.onopen?.({});
      this.say({ op: "hello", user, rank: 0, heartbeat_ms: 9_000, reconnect: {}, limits: {} });
    }
    say(message) {
      this.onmessage({ data: JSON.stringify(message) });
    }
  }
  const { client, told } = await start(t, { WebSocket: Socket });
  client.connect();
  sockets[0].open({ id: "first" });
  client.close();
  client.connect();
  sockets[1].open({ id: "second" });
  sockets[0].say({ op: "late" });
  sockets[0].onerror({});
  sockets[0].onclose({ code: 4403, reason: "banned" });
  assert.equal(client.state.name, "online");
  assert.equal(client.user.id, "second");
  assert.deepEqual(told.game, []);
});

test("an address that is none stops", async (t) => {
  const { client, state } = await start(t, { url: "nowhere" });
  client.connect();
  assert.equal((await state("stopped")).cause.code, "unusable");
});

test("closes for good, also from within a listener", async (t) => {
  const { server, client, told, online } = await start(t);
  const stop = client.on("hello", () => client.close());
  client.connect();
  await until(() => client.state.name === "closed" && server.connections[0]?.closedWith);
  assert.equal(client.user, null);
  await assert.rejects(client.say("lobby", "hi"), { code: "closed" });
  await assert.rejects(client.join("lobby"), { code: "closed" });
  await assert.rejects(client.rooms(), { code: "closed" });
  assert.equal(client.send("move", {}), false);
  stop();
  const again = client.on("state", ({ name }) => name === "online" && client.close());
  client.connect();
  await until(() => server.connections[1]?.closedWith);
  assert.equal(told.hello.length, 1);
  again();
  client.connect();
  await online(3);
});

test("a close while it waits ends the waiting", async (t) => {
  const { server, client, online, state } = await start(t);
  client.connect();
  await online();
  server.last.socket.close(4000, "draining");
  await state("waiting");
  client.close();
  const end = performance.now() + 60;
  await until(() => performance.now() > end);
  assert.equal(server.connections.length, 1);
  assert.equal(client.state.name, "closed");
});

test("a close while the door is asked ends it", async (t) => {
  let answer;
  const asked = new Promise((resolve) => {
    answer = resolve;
  });
  let isAsked = false;
  const ask = () => {
    isAsked = true;
    return asked;
  };
  const { server, client } = await start(t, { fetch: ask });
  server.isBlocked = true;
  client.connect();
  await until(() => isAsked);
  client.close();
  answer({ ok: true, status: 204 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(client.state.name, "closed");
});
