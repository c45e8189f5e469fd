import assert from "node:assert/strict";
import { test } from "node:test";
import { start, until } from "./fake_server.mjs";

const soon = (seconds) => Math.floor(Date.now() / 1000) + seconds;
const unauthorized = { status: 401, body: { error: "unauthorized", message: "log in again" } };

// What gives t2, t3, … and remembers why it was asked.
function tokens() {
  const whys = [];
  const renew = async (why) => `t${whys.push(why) + 1}`;
  return { whys, renew };
}

for (const code of [4100, 4101, 4199]) {
  test(`new-token: gets one after ${code}`, async (t) => {
    const { whys, renew } = tokens();
    const { server, client, told, online } = await start(t, { renew });
    client.connect();
    await online();
    server.last.socket.close(code, "token_expired");
    await online(2);
    assert.deepEqual(whys, ["refused"]);
    assert.equal(server.last.token, "t2");
    assert.equal(client.token, "t2");
    assert.deepEqual(
      told.state.map(({ name }) => name),
      ["connecting", "online", "connecting", "online"],
    );
  });
}

test("new-token: stops when it is sent away again with the new token", async (t) => {
  const { whys, renew } = tokens();
  const { server, client, online, state } = await start(t, { renew });
  client.connect();
  await online();
  server.last.socket.close(4101, "token_revoked");
  await online(2);
  server.last.socket.close(4101, "token_revoked");
  const { cause } = await state("stopped");
  assert.deepEqual(cause, { close: 4101, code: "token_revoked", words: "" });
  assert.deepEqual(whys, ["refused"]);
});

test("new-token: gets one when the door refuses", async (t) => {
  const { whys, renew } = tokens();
  const { server, client, online } = await start(t, { renew });
  server.door = (token) => (token === "t1" ? unauthorized : null);
  client.connect();
  await online();
  assert.deepEqual(whys, ["refused"]);
  assert.equal(server.last.token, "t2");
});

test("new-token: stops when it is refused as well, and says why it was sent away", async (t) => {
  const { whys, renew } = tokens();
  const { server, client, online, state } = await start(t, { renew });
  client.connect();
  await online();
  server.door = () => unauthorized;
  server.last.socket.close(4101, "token_revoked: account stolen");
  const { cause } = await state("stopped");
  assert.deepEqual(cause, { close: 4101, code: "token_revoked", words: "account stolen" });
  assert.deepEqual(whys, ["refused"]);
  assert.deepEqual(server.preflights, ["t2"]);
});

test("new-token: stops at a refusal when there is no renewal", async (t) => {
  const { server, client, state } = await start(t);
  server.door = () => unauthorized;
  client.connect();
  const { cause } = await state("stopped");
  assert.deepEqual(cause, { status: 401, code: "unauthorized", words: "log in again" });
});

for (const status of [401, 403]) {
  test(`new-token: stops when the renewal is refused with ${status}`, async (t) => {
    const renew = () => Promise.reject(Object.assign(new Error("log in"), { status, code: "over" }));
    const { server, client, online, state } = await start(t, { renew });
    client.connect();
    await online();
    server.last.socket.close(4100, "token_expired");
    const { cause } = await state("stopped");
    assert.deepEqual(cause, { status, code: "over", words: "log in" });
  });
}

test("new-token: tries the renewal again when it failed for now", async (t) => {
  let count = 0;
  const renew = () => {
    count += 1;
    // Not even a promise.
    if (count === 1) throw new Error("try later");
    if (count === 2) return Promise.reject(Object.assign(new Error("busy"), { status: 503 }));
    return Promise.resolve("t2");
  };
  const { server, client, told, online } = await start(t, { renew });
  client.connect();
  await online();
  server.door = (token) => (token === "t1" ? unauthorized : null);
  server.last.socket.close(4100, "token_expired");
  await online(2);
  const waits = told.state.filter(({ name }) => name === "waiting");
  assert.deepEqual(
    waits.map(({ cause }) => cause.words),
    ["try later", "busy"],
  );
  assert.equal(server.last.token, "t2");
});

test("renew-early: refreshes without being seen when the server says that the token ends", async (t) => {
  const { whys, renew } = tokens();
  const { server, client, told, online } = await start(t, { renew });
  client.connect();
  await online();
  server.last.send({ op: "auth.expiring", ends_at: soon(60) });
  server.last.send({ op: "auth.expiring", ends_at: soon(60) });
  const refresh = await until(() => server.received("auth.refresh")[0]);
  assert.equal(refresh.token, "t2");
  assert.deepEqual(whys, ["expiring"]);
  assert.deepEqual(
    told.state.map(({ name }) => name),
    ["connecting", "online"],
  );
  server.last.socket.terminate();
  await online(2);
  assert.equal(server.last.token, "t2");
  assert.equal(server.received("auth.refresh").length, 1);
});

test("renew-early: refreshes by itself well before the end", async (t) => {
  const { whys, renew } = tokens();
  const { server, client, online } = await start(t, { renew });
  server.hello = { exp: soon(2) };
  client.connect();
  await online();
  await until(() => server.received("auth.refresh").length === 1);
  assert.ok(Date.now() < server.hello.exp * 1000);
  assert.deepEqual(whys, ["expiring"]);
});

test("renew-early: does not refresh at once because the end is far away, or behind us", async (t) => {
  for (const exp of [soon(10_000 * 24 * 3600), soon(-3600), undefined]) {
    const { whys, renew } = tokens();
    const { server, client, online, settled } = await start(t, { renew });
    server.hello = { exp };
    client.connect();
    await online();
    const end = performance.now() + 50;
    await until(() => performance.now() > end);
    await settled();
    assert.deepEqual(whys, []);
  }
});

test("refresh-failed: sends the token again when the server has no time for it", async (t) => {
  const { whys, renew } = tokens();
  const { server, client, online } = await start(t, { renew });
  server.instead["auth.refresh"] = (connection, request) => {
    delete server.instead["auth.refresh"];
    connection.err(request, "rate_limited", 20);
  };
  client.connect();
  await online();
  server.last.send({ op: "auth.expiring", ends_at: soon(60) });
  await until(() => server.received("auth.refresh").length === 2);
  const [first, second] = server.received("auth.refresh");
  assert.equal(first.token, second.token);
  assert.notEqual(first.id, second.id);
  assert.deepEqual(whys, ["expiring"]);
});

test("refresh-failed: one that is not taken, or not to be had, leaves the session as it is", async (t) => {
  let renew = () => Promise.resolve("bad");
  const { server, client, told, online, settled } = await start(t, { renew: (why) => renew(why) });
  server.instead["auth.refresh"] = (connection, request) => connection.err(request, "bad_token");
  client.connect();
  await online();
  server.last.send({ op: "auth.expiring", ends_at: soon(60) });
  await until(() => server.received("auth.refresh").length === 1);
  await settled();
  renew = () => Promise.reject(Object.assign(new Error("log in"), { status: 401 }));
  server.last.send({ op: "auth.expiring", ends_at: soon(60) });
  await settled();
  await settled();
  assert.deepEqual(
    told.state.map(({ name }) => name),
    ["connecting", "online"],
  );
  assert.equal(server.received("auth.refresh").length, 1);
});

test("refresh-late: a renewal that ends on another connection is sent there", async (t) => {
  let give;
  const renew = () => new Promise((resolve) => (give = resolve));
  const { server, client, online } = await start(t, { renew });
  client.connect();
  await online();
  server.last.send({ op: "auth.expiring", ends_at: soon(60) });
  await until(() => give);
  server.last.socket.terminate();
  await online(2);
  assert.equal(server.last.token, "t1");
  give("t2");
  await until(() => server.last.received.some(({ op, token }) => op === "auth.refresh" && token === "t2"));
});

test("one-renewal: one that is under way serves also when the connection ends for it", async (t) => {
  let give;
  const whys = [];
  const renew = (why) => {
    whys.push(why);
    return new Promise((resolve) => (give = resolve));
  };
  const { server, client, online, state } = await start(t, { renew });
  client.connect();
  await online();
  server.last.send({ op: "auth.expiring", ends_at: soon(60) });
  await until(() => give);
  server.last.socket.close(4100, "token_expired");
  await state("connecting");
  give("t2");
  await online(2);
  assert.deepEqual(whys, ["expiring"]);
  assert.equal(server.last.token, "t2");
});

test("a close while renewing is for good", async (t) => {
  let give;
  const renew = () => new Promise((resolve) => (give = resolve));
  const { server, client, told, online } = await start(t, { renew });
  client.connect();
  await online();
  server.last.socket.close(4100, "token_expired");
  await until(() => give);
  client.close();
  give("t2");
  await until(() => client.token === "t2");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(client.state.name, "closed");
  assert.equal(told.state.at(-1).name, "closed");
  assert.equal(server.connections.length, 1);
  client.connect();
  await online(2);
  assert.equal(server.last.token, "t2");
});

for (const [words, off] of [
  ["a year behind", -365 * 86_400_000],
  ["a year ahead", 365 * 86_400_000],
]) {
  test(`clock: one that is ${words} renews in time, where the server says how long a token lasts`, async (t) => {
    const { whys, renew } = tokens();
    const now = Date.now;
    const exp = soon(3);
    t.mock.method(Date, "now", () => now() + off);
    const { server, client, told, online, settled } = await start(t, { renew });
    server.hello = { exp, expires_in_ms: 3_000 };
    server.instead["auth.refresh"] = (connection, request) =>
      connection.ack(request, { exp: exp + 3_600, expires_in_ms: 3_600_000 });
    const began = performance.now();
    client.connect();
    await online();
    await until(() => server.received("auth.refresh").length === 1);
    const took = performance.now() - began;
    assert.ok(took > 2_000, `${took}`);
    // Each token once, and the next one in an hour.
    server.last.send({ op: "auth.expiring", ends_at: exp + 3_600, left_ms: 60_000 });
    await until(() => server.received("auth.refresh").length === 2);
    await settled();
    assert.deepEqual(whys, ["expiring", "expiring"]);
    assert.equal(told.state.length, 2);
  });
}
