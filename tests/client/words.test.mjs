// What the server says beside messages, and what moderators ask for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ann, bob, start, until } from "./fake_server.mjs";

async function inLobby(t, options) {
  const all = await start(t, options);
  all.client.connect();
  await all.online();
  await all.client.join("lobby");
  return all;
}

test("stored: what was said is not stored yet, and then it is", async (t) => {
  const { server, client, told, settled } = await inLobby(t);
  const say = server["on chat.send"];
  for (const stored of [false, true, undefined]) {
    server.instead["chat.send"] = (connection, request) => {
      const { send } = connection;
      connection.send = (message) => send(message.op === "ack" ? { ...message, stored } : message);
      say.call(server, connection, request);
      connection.send = send;
    };
    assert.equal((await client.say("lobby", "hi")).stored, stored);
  }
  server.last.send({ op: "chat.stored", room: "lobby", seq: 1 });
  await settled();
  assert.deepEqual(told.stored, [{ room: "lobby", seq: 1 }]);
});

test("handled: what the game answers itself is not said", async (t) => {
  const { server, client, told } = await inLobby(t);
  server.instead["chat.send"] = (connection, request) => {
    connection.send({ op: "notice", room: "lobby", text: "You rolled 6." });
    connection.ack(request, { handled: true });
  };
  const answer = await client.say("lobby", "/roll");
  assert.equal(answer.handled, true);
  assert.equal(answer.seq, undefined);
  assert.deepEqual(told.notice, [{ room: "lobby", text: "You rolled 6.", tone: "info" }]);
  assert.deepEqual(told.message, []);
});

test("notice: words for this reader alone, about a room or none", async (t) => {
  const { server, told, settled } = await inLobby(t);
  server.last.send({ op: "notice", text: "The gate closes.", tone: "warning" });
  await settled();
  assert.deepEqual(told.notice, [{ room: undefined, text: "The gate closes.", tone: "warning" }]);
  assert.deepEqual(told.game, []);
});

test("put: a room that the game puts us into is kept like any other", async (t) => {
  const { server, client, told, online, settled } = await inLobby(t);
  server.remember("team", "a");
  const { epoch, seq, messages } = server.room("team");
  const found = { room: "team", epoch, seq, rules: { slow_ms: 0, frozen: false }, count: 2, members: [ann, bob], messages };
  server.last.send({ op: "room.joined", ...found });
  server.say("team", "b");
  await settled();
  assert.deepEqual(told.story, ["old a", "b"]);
  assert.equal(told.joined.length, 1);
  assert.deepEqual([told.joined[0].room, told.joined[0].count, told.joined[0].more], ["team", 2, false]);
  assert.deepEqual(told.presence.at(-1), { room: "team", members: [ann, bob], joined: [], left: [] });
  server.last.socket.terminate();
  await online(2);
  const rejoined = () => server.last.received.filter(({ op }) => op === "room.join").map(({ room }) => room);
  await until(() => rejoined().length === 1);
  const c = server.remember("team", "c");
  server.last.send({ op: "room.joined", ...found, seq: c.seq, messages: server.room("team").messages });
  await settled();
  assert.deepEqual(rejoined(), ["lobby"]);
  assert.deepEqual(told.story, ["old a", "b", "old c"]);
  server.last.send({ op: "room.closed", room: "team" });
  await settled();
  assert.deepEqual(told.closed, [{ room: "team" }]);
  assert.equal(client.state.name, "online");
});

test("mutes: those that last are told again after a hello", async (t) => {
  const { server, told, online, settled } = await inLobby(t);
  server.last.send({ op: "muted", left_ms: 60_000 });
  await settled();
  server.last.socket.terminate();
  await online(2);
  server.last.send({ op: "muted", left_ms: 50_000 });
  await settled();
  const left = told.muted.map(({ until: end }) => Math.round((end - Date.now()) / 10_000));
  assert.deepEqual(left, [6, 5]);
  assert.equal(told.hello.length, 2);
});

test("all that moderators ask for is sent as the protocol says", async (t) => {
  const { server, client } = await inLobby(t);
  const mutes = [{ user: "u2", name: "Bob", left_ms: 5 }];
  const wanted = [
    [() => client.mute("u2", { room: "lobby", seconds: 5, reason: "calm" }), "mod.mute", { user: "u2", room: "lobby", seconds: 5, reason: "calm" }],
    [() => client.mute("u2"), "mod.mute", { user: "u2" }],
    [() => client.unmute("u2", "lobby"), "mod.unmute", { user: "u2", room: "lobby" }],
    [() => client.mutes(), "mod.mutes", {}],
    [() => client.kick("u2", "calm"), "mod.kick", { user: "u2", reason: "calm" }],
    [() => client.ban("u2", { seconds: 60, reason: "calm" }), "mod.ban", { user: "u2", seconds: 60, reason: "calm" }],
    [() => client.ban("u2"), "mod.ban", { user: "u2" }],
    [() => client.logOut("u2", "stolen"), "mod.logout", { user: "u2", reason: "stolen" }],
    [() => client.revoke("u2", "stolen"), "mod.revoke", { user: "u2", reason: "stolen" }],
    [() => client.restore("u2"), "mod.restore", { user: "u2" }],
    [() => client.slow("lobby", 10), "mod.slow", { room: "lobby", seconds: 10 }],
    [() => client.freeze("lobby", true), "mod.freeze", { room: "lobby", on: true }],
  ];
  for (const [ask, op, fields] of wanted) {
    server.instead[op] = (connection, request) => connection.ack(request, { left_ms: 5, mutes });
    const answer = await ask();
    const { id, ...sent } = server.received(op).at(-1);
    assert.deepEqual(sent, { op, ...fields });
    if (op === "mod.mute") assert.deepEqual(answer, { left_ms: 5 , mutes });
    else if (op === "mod.mutes") assert.deepEqual(answer, { mutes, more: false });
    else assert.equal(answer, undefined);
    server.instead[op] = (connection, request) => connection.err(request, "forbidden");
    await assert.rejects(ask(), { code: "forbidden" });
  }
});
