// What is left after a stop, and how it goes on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start, until } from "./fake_server.mjs";

const unauthorized = { status: 401, body: { error: "unauthorized", message: "log in again" } };
const texts = (server) => server.room("lobby").messages.map(({ d }) => d.text);

async function inLobby(t, options) {
  const all = await start(t, options);
  all.client.connect();
  await all.online();
  await all.client.join("lobby");
  return all;
}

// A client that is logged out while it is away, with something that nobody has heard.
async function loggedOut(t, options) {
  const all = await inLobby(t, options);
  const { server, client, state } = all;
  server.say("lobby", "one");
  await all.settled();
  server.last.socket.terminate();
  await state("waiting");
  server.door = (token) => (token === "t1" ? unauthorized : null);
  all.said = client.say("lobby", "mine");
  const { why, cause } = await state("stopped");
  assert.equal(why, "unauthorized");
  assert.equal(cause.status, 401);
  return all;
}

test("log-in-again: with a new token everything goes on where it was", async (t) => {
  const { server, client, told, online, settled, said } = await loggedOut(t);
  server.remember("lobby", "two");
  // Also what is asked for meanwhile.
  const [joined, whispered] = [client.join("other"), client.whisper("u2", "psst")];
  client.connect("t9");
  await online(2);
  assert.equal(server.last.token, "t9");
  assert.equal((await said).seq, 3);
  assert.equal((await joined).room, "other");
  await whispered;
  await settled();
  assert.deepEqual(told.story, ["one", "old two", "mine"]);
  assert.deepEqual(texts(server), ["one", "two", "mine"]);
  assert.deepEqual(told.gap, []);
});

test("log-in-again: a renewal that is refused with 401 is such an end, too", async (t) => {
  let token = null;
  const renew = async () => {
    if (token) return token;
    throw Object.assign(new Error("log in again"), { status: 401 });
  };
  const { server, client, online, said } = await loggedOut(t, { renew });
  // The page's log-in is where renew gets its tokens.
  token = "t9";
  client.connect();
  await online(2);
  assert.equal((await said).seq, 2);
  assert.deepEqual(texts(server), ["one", "mine"]);
});

test("log-in-again: what was not said is not said by another user", async (t) => {
  const { server, client, told, online, settled, said } = await loggedOut(t);
  const refused = assert.rejects(said, { code: "other_user" });
  server.hello = { user: { id: "u2", name: "Bob", roles: [] } };
  client.connect("t9");
  await refused;
  await online(2);
  await settled();
  assert.equal(client.user.id, "u2");
  assert.deepEqual(texts(server), ["one"]);
  assert.equal(server.last.received.filter(({ op }) => op === "chat.send").length, 0);
  assert.equal(told.state.at(-1).name, "online");
});

test("log-in-again: a close is for good", async (t) => {
  const { client, said } = await loggedOut(t);
  const refused = assert.rejects(said, { code: "closed" });
  client.close();
  await refused;
});

for (const [what, end] of [
  ["4101", ({ server }) => server.last.socket.close(4101, "token_revoked: bye")],
  ["4100", ({ server }) => server.last.socket.close(4100, "token_expired")],
]) {
  test(`log-in-again: without a renewal ${what} waits for the user`, async (t) => {
    const all = await inLobby(t);
    end(all);
    assert.equal((await all.state("stopped")).why, "unauthorized");
    all.client.connect("t2");
    await all.online(2);
    await until(() => all.server.last.received.some(({ op }) => op === "room.join"));
  });
}

test("a token that the page has is used by the connection that there is", async (t) => {
  const { server, client } = await inLobby(t);
  client.connect("t1");
  client.connect("t5");
  const sent = await until(() => server.received("auth.refresh")[0]);
  assert.equal(sent.token, "t5");
  assert.equal(client.token, "t5");
  assert.equal(server.received("auth.refresh").length, 1);
  assert.equal(server.connections.length, 1);
});

test("ban: the door says when it ends, and is not asked again", async (t) => {
  const { server, client, state } = await start(t);
  const body = { error: "banned", message: "calm down", retry_after_ms: 86_400_000 };
  server.door = () => ({ status: 403, body });
  const before = Date.now();
  client.connect();
  const { why, cause, until: end } = await state("stopped");
  assert.equal(why, "banned");
  assert.deepEqual(cause, { status: 403, code: "banned", words: "calm down" });
  assert.ok(end >= before + 86_400_000 && end <= Date.now() + 86_400_000);
  client.wake();
  assert.equal(client.state.name, "stopped");
  assert.equal(server.preflights.length, 1);
});

test("ban: after a connection that ends with it, the door is asked once for the end", async (t) => {
  for (const retry_after_ms of [60_000, undefined]) {
    const { server, client, told, online, state } = await start(t, { renew: () => assert.fail() });
    client.connect();
    await online();
    server.door = () => ({ status: 403, body: { error: "banned", message: "calm down", retry_after_ms } });
    server.last.socket.close(4403, "banned: calm down");
    const { why, cause } = await state("stopped");
    assert.equal(why, "banned");
    assert.deepEqual(cause, { close: 4403, code: "banned", words: "calm down" });
    await until(() => server.preflights.length === 1);
    if (retry_after_ms) await until(() => client.state.until > Date.now() + 50_000);
    const stops = told.state.filter(({ name }) => name === "stopped");
    assert.equal(stops.length, retry_after_ms ? 2 : 1);
    assert.deepEqual(stops.at(-1).cause, cause);
  }
});

test("ban: who has gone on is not told of it any more", async (t) => {
  let answer;
  const asked = new Promise((resolve) => (answer = resolve));
  const { server, client, told, online, state } = await start(t, { fetch: () => asked });
  client.connect();
  await online();
  server.last.socket.close(4403, "banned");
  await state("stopped");
  client.connect();
  await online(2);
  const body = { error: "banned", retry_after_ms: 60_000 };
  answer({ ok: false, status: 403, json: async () => body });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told.state.at(-1).name, "online");
});

test("an account that is refused with 403 is a stop like others", async (t) => {
  const renew = () => Promise.reject(Object.assign(new Error("locked"), { status: 403, code: "revoked" }));
  const { server, client, online, state } = await start(t, { renew });
  client.connect();
  await online();
  const said = assert.rejects(client.say("lobby", "hi"), { code: "closed" });
  server.instead["chat.send"] = () => {};
  server.last.socket.close(4101, "token_revoked");
  const { why, cause } = await state("stopped");
  assert.equal(why, "refused");
  assert.equal(cause.code, "revoked");
  await said;
});
