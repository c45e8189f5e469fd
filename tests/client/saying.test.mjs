import assert from "node:assert/strict";
import { test } from "node:test";
import { start, until } from "./fake_server.mjs";

async function inLobby(t, options, prepare = () => {}) {
  const all = await start(t, options);
  prepare(all.server);
  all.client.connect();
  await all.online();
  await all.client.join("lobby");
  return all;
}

const texts = (server) => server.room("lobby").messages.map(({ d }) => d.text);

test("says something and gets its place", async (t) => {
  const { client, told } = await inLobby(t);
  const { seq, mid, ts } = await client.say("lobby", "hi");
  assert.deepEqual({ seq, mid, ts }, { seq: 1, mid: "e1-1", ts: 1_001 });
  // One's own message comes like any other, before the answer.
  assert.deepEqual(told.story, ["hi"]);
});

test("say-again: what was heard and not answered is sent again with its id, and said once", async (t) => {
  const { server, client, told, online } = await inLobby(t);
  const gone = new Set();
  server.instead["chat.send"] = (connection, request) => {
    if (gone.has(connection)) return;
    if (gone.size === 2) return server["on chat.send"](connection, request);
    // Hears it, says it, and is gone before it answers.
    gone.add(connection);
    connection.socket.terminate();
    server["on chat.send"](connection, request);
  };
  const said = ["a", "b", "c"].map((text) => client.say("lobby", text));
  const answers = await Promise.all(said);
  assert.deepEqual(texts(server), ["a", "b", "c"]);
  assert.deepEqual(
    answers.map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.deepEqual(
    told.message.map(({ text }) => text),
    ["a", "b", "c"],
  );
  const sent = server.received("chat.send").filter(({ d }) => d.text === "a");
  assert.equal(sent.length, 3);
  assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
  await online(3);
});

test("say-again: what was not heard is said after the next connection, after the rooms were joined", async (t) => {
  const { server, client, state, online } = await inLobby(t);
  server.last.socket.terminate();
  await state("waiting");
  const said = [client.say("lobby", "a"), client.whisper("u2", "psst"), client.say("lobby", "b")];
  await online(2);
  await Promise.all(said);
  assert.deepEqual(
    server.last.received.map(({ op }) => op),
    ["room.join", "chat.send", "chat.whisper", "chat.send"],
  );
  assert.deepEqual(texts(server), ["a", "b"]);
  assert.deepEqual(server.whispers, ["psst"]);
});

test("say-again: a whisper that was heard and not answered is said once", async (t) => {
  const { server, client } = await inLobby(t);
  server.instead["chat.whisper"] = (connection, request) => {
    delete server.instead["chat.whisper"];
    connection.socket.terminate();
    server["on chat.whisper"](connection, request);
  };
  assert.equal((await client.whisper("u2", "psst")).mid, "w-1");
  assert.deepEqual(server.whispers, ["psst"]);
});

test("pace: what waited goes out as fast as the server allows, and what is said then comes after it", async (t) => {
  const limits = { burst: 3, messages_per_second: 20 };
  const all = await inLobby(t, {}, (server) => (server.hello = { limits }));
  const { server, client, state } = all;
  const times = [];
  server.instead["chat.send"] = (connection, request) => {
    times.push(performance.now());
    server["on chat.send"](connection, request);
  };
  server.last.socket.terminate();
  await state("waiting");
  const late = [1, 2, 3, 4, 5].map((n) => client.say("lobby", String(n)));
  await late[0];
  await Promise.all([...late, client.say("lobby", "6")]);
  assert.deepEqual(texts(server), ["1", "2", "3", "4", "5", "6"]);
  assert.ok(times[3] - times[2] >= 45, `${times}`);
  assert.ok(times[4] - times[3] >= 45, `${times}`);
  assert.ok(times[5] - times[4] >= 45, `${times}`);
});

test("errors: a refusal says when to try again, and it is left to the page", async (t) => {
  const { server, client, settled } = await inLobby(t);
  for (const code of ["rate_limited", "slow_mode", "muted"]) {
    server.instead["chat.send"] = (connection, request) => connection.err(request, code, 20);
    await assert.rejects(client.say("lobby", "hi"), { name: "Refused", code, retryMs: 20 });
  }
  const end = performance.now() + 60;
  await until(() => performance.now() > end);
  await settled();
  assert.equal(server.received("chat.send").length, 3);
  server.instead["chat.send"] = (connection, request) => connection.err(request, "frozen");
  const error = await client.say("lobby", "hi").catch((error) => error);
  assert.equal(error.code, "frozen");
  assert.ok(!("retryMs" in error));
});

test("pace: what still waits does not run into a refusal that was said to last", async (t) => {
  const limits = { burst: 1, messages_per_second: 20 };
  const all = await inLobby(t, {}, (server) => (server.hello = { limits }));
  const { server, client, state } = all;
  const times = [];
  server.instead["chat.send"] = (connection, request) => {
    times.push(performance.now());
    if (times.length === 1) connection.err(request, "rate_limited", 300);
    else server["on chat.send"](connection, request);
  };
  server.last.socket.terminate();
  await state("waiting");
  const said = ["a", "b"].map((text) => client.say("lobby", text));
  const results = await Promise.allSettled(said);
  assert.ok(times[1] - times[0] >= 290, `${times}`);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "fulfilled"],
  );
});

test("say-again: no more wait than there may", async (t) => {
  const { server, client } = await inLobby(t, { unanswered: 2 });
  server.instead["chat.send"] = () => {};
  const kept = [client.say("lobby", "a"), client.whisper("u2", "b")].map((said) => said.catch(() => {}));
  server.instead["chat.whisper"] = () => {};
  await assert.rejects(client.say("lobby", "c"), { code: "too_many_unanswered" });
  client.close();
  await Promise.all(kept);
});

test("stop: what was not answered is rejected when the page leaves, or is sent away", async (t) => {
  const leave = ({ client }) => client.close();
  const ban = ({ server }) => server.last.socket.close(4403, "banned");
  for (const end of [leave, ban]) {
    const all = await inLobby(t);
    all.server.instead["chat.send"] = () => {};
    const said = assert.rejects(all.client.say("lobby", "a"), { code: "closed" });
    await until(() => all.server.received("chat.send").length === 1);
    end(all);
    await said;
    all.client.connect();
    await all.online(2);
    await all.settled();
    assert.equal(all.server.received("chat.send").length, 1);
  }
});

test("ask-again: other requests end with the connection", async (t) => {
  const { server, client, online } = await inLobby(t);
  const requests = [
    client.rooms(),
    client.history("lobby", { before: 5 }),
    client.remove("lobby", "m"),
    client.request("mod.mute", { user: "u2" }),
  ].map((request) => assert.rejects(request, { code: "closed" }));
  server.instead = { "chat.history": () => {} };
  server.last.socket.terminate();
  await Promise.all(requests);
  await online(2);
  assert.equal(server.last.received.filter(({ op }) => op !== "room.join").length, 0);
});

test("all requests are sent as the protocol says", async (t) => {
  const { server, client, settled } = await inLobby(t);
  server.instead["room.list"] = (connection, request) =>
    connection.ack(request, { rooms: [{ room: "lobby", members: 1 }] });
  server.instead["chat.delete"] = (connection, request) => connection.ack(request, {});
  server.instead["mod.mute"] = (connection, request) => connection.ack(request, { left_ms: 5 });
  assert.deepEqual(await client.rooms(), [{ room: "lobby", members: 1 }]);
  assert.equal(await client.remove("lobby", "m"), undefined);
  const fields = { user: "u2", seconds: 5, op: "no", id: "no" };
  assert.deepEqual(await client.request("mod.mute", fields), { left_ms: 5 });
  for (const text of ["a", "b", "c"]) server.remember("lobby", text);
  const page = await client.history("lobby", { after: 1, before: 3 });
  assert.deepEqual([page.messages.map(({ text }) => text), page.more], [["b"], false]);
  assert.equal(client.send("move", { x: 1 }), true);
  client.typing("lobby");
  client.typing("lobby");
  client.typing("elsewhere");
  await settled();
  const mute = { op: "mod.mute", user: "u2", seconds: 5 };
  const [{ id, ...muteSent }] = server.received("mod.mute");
  assert.deepEqual(muteSent, mute);
  assert.notEqual(id, "no");
  assert.deepEqual(server.received("move"), [{ op: "move", d: { x: 1 } }]);
  assert.deepEqual(server.received("chat.typing"), [{ op: "chat.typing", room: "lobby" }]);
});

test("typing: it is said seldom, and in rooms that we are in", async (t) => {
  let slept = 0;
  const now = Date.now;
  t.mock.method(Date, "now", () => now() + slept);
  const { server, client, settled } = await inLobby(t);
  for (let times = 0; times < 3; times += 1) client.typing("lobby");
  client.typing("elsewhere");
  await settled();
  assert.equal(server.received("chat.typing").length, 1);
  slept = 2_000;
  client.typing("lobby");
  await settled();
  assert.equal(server.received("chat.typing").length, 2);
});

test("ids: no two requests have the same id, of this page or another", async (t) => {
  const ids = [];
  for (let page = 0; page < 3; page += 1) {
    const { server, client } = await inLobby(t);
    await client.say("lobby", "a");
    await client.say("lobby", "b");
    ids.push(...server.last.received.map(({ id }) => id));
  }
  assert.equal(new Set(ids).size, 9);
  for (const id of ids) assert.ok(id.length <= 64);
});
