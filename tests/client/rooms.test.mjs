import assert from "node:assert/strict";
import { test } from "node:test";
import { ann, bob, start, until } from "./fake_server.mjs";

// A client that is in the lobby.
async function inLobby(t, prepare = () => {}, options) {
  const all = await start(t, options);
  prepare(all.server);
  all.client.connect();
  await all.online();
  all.joined = await all.client.join("lobby");
  return all;
}

// Loses the connection, lets things happen, and waits for the client to be back.
async function away({ server, client, online, state }, meanwhile) {
  const count = server.connections.length;
  server.last.socket.terminate();
  await state("waiting");
  meanwhile();
  await online(count + 1);
  await until(() => server.last.received.some(({ op }) => op === "room.join"));
}

test("joining gives what there is, and tells the messages as old ones", async (t) => {
  const { server, joined, told, settled } = await inLobby(t, (server) => {
    server.historyPage = 2;
    for (const text of ["a", "b", "c"]) server.remember("lobby", text);
  });
  server.say("lobby", "d");
  await settled();
  assert.deepEqual(told.story, ["old b", "old c", "d"]);
  const { messages, ...rest } = joined;
  const rules = { slow_ms: 0, frozen: false };
  assert.deepEqual(rest, { room: "lobby", rules, count: 1, members: [ann], more: true });
  assert.deepEqual(messages[0], {
    room: "lobby",
    seq: 2,
    mid: "e1-2",
    ts: 1_002,
    from: { id: "u2", name: "Bob" },
    text: "b",
  });
  assert.deepEqual(told.rules, [{ room: "lobby", rules }]);
});

test("a room that is joined before there is a connection is joined with it", async (t) => {
  const { client } = await start(t);
  client.connect();
  const [first, second] = await Promise.all([client.join("lobby"), client.join("lobby")]);
  assert.equal(first.room, "lobby");
  assert.equal(second.room, "lobby");
  // Whoever is in asks again and gets the same.
  assert.deepEqual(await client.join("lobby"), first);
});

test("a message that overtakes the answer to who asks again is no new beginning", async (t) => {
  const { server, client, told, settled } = await inLobby(t);
  server.say("lobby", "a");
  server.instead["room.join"] = (connection, request) => {
    const { send } = connection;
    let answer;
    connection.send = (message) => (answer = structuredClone(message));
    server["on room.join"](connection, request);
    connection.send = send;
    server.say("lobby", "b");
    connection.send(answer);
  };
  await client.join("lobby");
  server.say("lobby", "c");
  await settled();
  assert.deepEqual(told.story, ["a", "b", "c"]);
});

test("a join that was not answered is answered after the next connection", async (t) => {
  const { server, client, online } = await start(t);
  server.instead["room.join"] = (connection) => {
    delete server.instead["room.join"];
    connection.socket.terminate();
  };
  client.connect();
  await online();
  assert.equal((await client.join("lobby")).room, "lobby");
  assert.equal(server.connections.length, 2);
});

test("a refused join is forgotten", async (t) => {
  const { server, client, told, online, settled } = await start(t);
  server.instead["room.join"] = (connection, request) => connection.err(request, "unknown_room");
  client.connect();
  await online();
  await assert.rejects(client.join("secret"), { name: "Refused", code: "unknown_room" });
  server.last.socket.terminate();
  await online(2);
  await settled();
  assert.equal(server.received("room.join").length, 1);
  assert.deepEqual(told.closed, []);
});

test("join-refused: a room that does not take us back is closed", async (t) => {
  const all = await inLobby(t);
  const { server, told } = all;
  await away(all, () => {
    server.instead["room.join"] = (connection, request) => connection.err(request, "unknown_room");
  });
  await until(() => told.closed.length === 1);
  assert.deepEqual(told.closed, [{ room: "lobby" }]);
});

test("a room that was left is not joined again, and tells nothing more", async (t) => {
  const { server, client, told, online, settled } = await inLobby(t);
  await client.leave("lobby");
  server.say("lobby", "late");
  await settled();
  server.last.socket.terminate();
  await online(2);
  await settled();
  assert.equal(server.received("room.join").length, 1);
  assert.deepEqual(told.message, []);
  await client.leave("lobby");
});

test("order: messages that come before the answer to the join are told once, in order", async (t) => {
  const { server, told, settled } = await inLobby(t, (server) => {
    server.remember("lobby", "a");
    server.instead["room.join"] = (connection, request) => {
      // Said while the join was on its way: one is in the answer as well, one comes after it.
      const b = server.say("lobby", "b");
      server["on room.join"](connection, request);
      connection.send(b);
    };
  });
  server.say("lobby", "c");
  await settled();
  assert.deepEqual(told.story, ["old a", "old b", "c"]);
});

test("order: messages that overtake the answer to the join wait for it", async (t) => {
  const { server, told, settled } = await inLobby(t, (server) => {
    server.remember("lobby", "a");
    server.instead["room.join"] = (connection, request) => {
      const { send } = connection;
      let answer;
      connection.send = (message) => (answer = message);
      server["on room.join"](connection, request);
      connection.send = send;
      server.say("lobby", "b");
      server.say("lobby", "c");
      connection.send(answer);
    };
  });
  await settled();
  assert.deepEqual(told.story, ["old a", "b", "c"]);
});

test("rejoin: what was said meanwhile is told as old, once", async (t) => {
  const all = await inLobby(t);
  const { server, told, settled } = all;
  server.say("lobby", "a");
  await away(all, () => server.remember("lobby", "b"));
  server.say("lobby", "c");
  await settled();
  assert.deepEqual(told.story, ["a", "old b", "c"]);
  assert.equal(server.received("chat.history").length, 0);
});

test("gap: one between two connections is filled page by page, while newer messages wait", async (t) => {
  const all = await inLobby(t, (server) => (server.historyPage = 2));
  const { server, told, settled } = all;
  server.say("lobby", "1");
  await away(all, () => {
    for (let n = 2; n <= 9; n += 1) server.remember("lobby", String(n));
    server.instead["chat.history"] = (connection, request) => {
      if (!server.received("chat.history").slice(1).length) server.say("lobby", "10");
      server["on chat.history"](connection, request);
    };
  });
  await until(() => told.story.length === 10);
  await settled();
  const old = [2, 3, 4, 5, 6, 7, 8, 9].map((n) => `old ${n}`);
  assert.deepEqual(told.story, ["1", ...old, "10"]);
  assert.deepEqual(
    server.received("chat.history").map(({ after, before }) => [after, before]),
    [
      [1, 8],
      [3, 8],
      [5, 8],
    ],
  );
});

test("gap: a number that is missing on the way is asked for", async (t) => {
  const { server, told, settled } = await inLobby(t);
  server.say("lobby", "a");
  server.remember("lobby", "b");
  server.say("lobby", "c");
  server.say("lobby", "d");
  await until(() => told.story.length === 4);
  await settled();
  assert.deepEqual(told.story, ["a", "b", "c", "d"]);
  assert.equal(server.received("chat.history").length, 1);
});

test("order: messages that come out of order are told in order", async (t) => {
  const { server, told, settled } = await inLobby(t);
  const [a, b, c] = ["a", "b", "c"].map((text) => server.remember("lobby", text));
  for (const message of [c, a, b, b, a]) server.last.send(message);
  await settled();
  await settled();
  assert.deepEqual(told.story, ["a", "b", "c"]);
});

test("gap-lost: what the server does not remember is a gap", async (t) => {
  const all = await inLobby(t, (server) => (server.historyPage = 3));
  const { server, told, settled } = all;
  server.say("lobby", "1");
  await away(all, () => {
    for (let n = 2; n <= 9; n += 1) server.remember("lobby", String(n));
    server.room("lobby").messages = server.room("lobby").messages.slice(-5);
  });
  await until(() => told.story.length === 7);
  server.say("lobby", "10");
  await settled();
  assert.deepEqual(told.story, ["1", "GAP", "old 5", "old 6", "old 7", "old 8", "old 9", "10"]);
  assert.deepEqual(told.gap, [{ room: "lobby" }]);
});

test("gap-lost: holes in what the server remembers are a gap each", async (t) => {
  const { server, told, settled } = await inLobby(t);
  for (const text of ["1", "2", "3", "4"]) server.remember("lobby", text);
  server.room("lobby").messages = server.room("lobby").messages.filter(({ seq }) => seq === 2);
  server.say("lobby", "5");
  await until(() => told.story.length === 4);
  await settled();
  assert.deepEqual(told.story, ["GAP", "2", "GAP", "5"]);
});

test("gap-lost: a player who may not read what was said before has a gap and goes on", async (t) => {
  const all = await inLobby(t);
  const { server, told, settled } = all;
  server.say("lobby", "a");
  await away(all, () => {
    server.remember("lobby", "b");
    server.historyPage = -1;
    server.instead["room.join"] = (connection, request) => {
      server.historyPage = 50;
      const { seq, epoch } = server.room("lobby");
      connection.ack(request, { room: "lobby", epoch, seq, rules: {}, members: [], more: false });
    };
    server.instead["chat.history"] = (connection, request) => connection.err(request, "forbidden");
  });
  await until(() => told.gap.length === 1);
  server.say("lobby", "c");
  await settled();
  assert.deepEqual(told.story, ["a", "GAP", "c"]);
});

test("gap: one that is being filled when the connection is lost is filled after the next", async (t) => {
  const all = await inLobby(t);
  const { server, told, settled } = all;
  server.say("lobby", "a");
  server.remember("lobby", "b");
  server.instead["chat.history"] = () => {};
  server.say("lobby", "c");
  await until(() => server.received("chat.history").length === 1);
  await away(all, () => {
    delete server.instead["chat.history"];
    server.remember("lobby", "d");
    server.historyPage = 1;
  });
  await until(() => told.story.length === 4);
  await settled();
  assert.deepEqual(told.story, ["a", "old b", "old c", "old d"]);
});

test("gap-lost: does not hold more than it should", async (t) => {
  const { server, told, settled } = await inLobby(t);
  server.instead["chat.history"] = () => {};
  server.remember("lobby", "missing");
  for (let n = 0; n <= 1_000; n += 1) server.say("lobby", String(n));
  await until(() => told.story.length === 1_002);
  await settled();
  assert.deepEqual(told.story.slice(0, 3), ["GAP", "0", "1"]);
  assert.equal(told.story.at(-1), "1000");
});

test("epoch: a server that began anew is a gap, and what it says is told", async (t) => {
  const all = await inLobby(t);
  const { server, told, settled } = all;
  for (const text of ["a", "b", "c"]) server.say("lobby", text);
  await away(all, () => {
    server.rooms.set("lobby", { epoch: "e2", seq: 0, messages: [] });
    server.remember("lobby", "d");
  });
  server.say("lobby", "e");
  await settled();
  assert.deepEqual(told.story, ["a", "b", "c", "GAP", "old d", "e"]);
});

test("epoch: a server that began anew with what it knew before tells nothing twice", async (t) => {
  const all = await inLobby(t);
  const { server, told, settled } = all;
  for (const text of ["a", "b", "c"]) server.say("lobby", text);
  await away(all, () => {
    const { messages } = server.room("lobby");
    const kept = messages.slice(1).map((message, place) => ({ ...message, seq: place + 1 }));
    server.rooms.set("lobby", { epoch: "e2", seq: 2, messages: kept });
  });
  server.say("lobby", "d");
  await settled();
  assert.deepEqual(told.story, ["a", "b", "c", "d"]);
});

test("epoch: what another server has in another order is told once, and nothing of it is lost", async (t) => {
  const all = await inLobby(t);
  const { server, told, settled } = all;
  for (const text of ["a", "b"]) server.say("lobby", text);
  await away(all, () => {
    const [a, b] = server.room("lobby").messages;
    server.rooms.set("lobby", { epoch: "e2", seq: 0, messages: [] });
    for (const known of [a, "c", b]) {
      const message = server.remember("lobby", known.d?.text ?? known);
      message.mid = known.mid ?? message.mid;
    }
  });
  server.say("lobby", "d");
  await settled();
  assert.deepEqual(told.story, ["a", "b", "old c", "d"]);
});

test("rejoin: many rooms are joined a few at a time, and what waits is sent after the last", async (t) => {
  const all = await start(t);
  const { server, client, online, settled } = all;
  client.connect();
  await online();
  const names = ["a", "b", "c", "d", "e"];
  await Promise.all(names.map((name) => client.join(name)));
  const held = [];
  server.instead["room.join"] = (connection, request) => held.push([connection, request]);
  let said;
  await away(all, () => {
    said = client.say("d", "hi");
  });
  client.leave("e");
  for (const [place, name] of names.slice(0, 4).entries()) {
    const asked = Math.min(place + 2, 4);
    await until(() => server.last.received.filter(({ op }) => op === "room.join").length === asked);
    await settled();
    assert.equal(held.length, Math.min(2, 4 - place));
    assert.equal(server.received("chat.send").length, 0);
    const [connection, request] = held.shift();
    assert.equal(request.room, name);
    server["on room.join"](connection, request);
  }
  await said;
  assert.equal(held.length, 0);
});

test("errors: a room and a gap are asked for again when the server has time", async (t) => {
  const refusedOnce = (server, op, code) => {
    server.instead[op] = (connection, request) => {
      delete server.instead[op];
      connection.err(request, code, 20);
    };
  };
  const all = await inLobby(t, (server) => refusedOnce(server, "room.join", "unavailable"));
  const { server, told, settled } = all;
  assert.equal(server.received("room.join").length, 2);
  refusedOnce(server, "chat.history", "rate_limited");
  server.remember("lobby", "a");
  server.say("lobby", "b");
  await until(() => told.story.length === 2);
  assert.deepEqual(told.story, ["a", "b"]);
  // Not after the connection has ended.
  server.instead["room.join"] = (connection, request) => {
    delete server.instead["room.join"];
    connection.err(request, "rate_limited", 20);
    connection.socket.terminate();
  };
  await away(all, () => {});
  const rejoins = () => server.last.received.filter(({ op }) => op === "room.join").length;
  await until(() => server.connections.length === 3 && rejoins() === 1);
  server.say("lobby", "c");
  await until(() => told.story.length === 3);
  await settled();
  assert.deepEqual(told.story, ["a", "b", "c"]);
  assert.equal(rejoins(), 1);
});

test("a room that is closed may be joined anew", async (t) => {
  const { server, client, told, settled } = await inLobby(t);
  server.say("lobby", "a");
  server.last.send({ op: "room.closed", room: "lobby" });
  server.rooms.delete("lobby");
  await settled();
  assert.deepEqual(told.closed, [{ room: "lobby" }]);
  server.say("lobby", "not for us");
  await client.join("lobby");
  server.say("lobby", "b");
  await settled();
  assert.deepEqual(told.story, ["a", "old not for us", "b"]);
});

test("presence: it is a map that starts with the members and follows what changes", async (t) => {
  const cid = { id: "u3", name: "Cid", rank: 1 };
  const all = await inLobby(t, (server) => {
    const tell = server["on room.join"];
    server.instead["room.join"] = (connection, request) => {
      // Of a time before the answer.
      connection.send({ op: "presence", room: "lobby", joined: [cid], left: ["u1"] });
      tell.call(server, connection, request);
    };
  });
  const { server, told, settled } = all;
  server.last.send({ op: "presence", room: "lobby", joined: [ann, bob], left: ["nobody"] });
  server.last.send({ op: "presence", room: "lobby", joined: [cid], left: ["u1"] });
  await settled();
  server.room("lobby").members = [cid];
  await away(all, () => {});
  await settled();
  assert.deepEqual(told.presence, [
    { room: "lobby", members: [ann], joined: [], left: [] },
    { room: "lobby", members: [ann, bob], joined: [bob], left: [] },
    { room: "lobby", members: [bob, cid], joined: [cid], left: [ann] },
    { room: "lobby", members: [cid], joined: [], left: [] },
  ]);
});

test("deleted: messages are told of, also when it happened meanwhile", async (t) => {
  const all = await inLobby(t);
  const { server, told, settled } = all;
  const a = server.say("lobby", "a");
  const b = server.say("lobby", "b");
  server.last.send({ op: "chat.deleted", room: "lobby", seq: a.seq, mid: a.mid });
  await settled();
  assert.deepEqual(told.deleted, [{ room: "lobby", seq: 1, mid: a.mid }]);
  await away(all, () => {
    for (const message of server.room("lobby").messages) {
      delete message.d;
      message.deleted = true;
    }
  });
  await settled();
  assert.deepEqual(told.deleted.slice(1), [{ room: "lobby", seq: 2, mid: b.mid }]);
});

test("deleted: a message that is deleted while it waits is told without its text", async (t) => {
  const { server, told, settled } = await inLobby(t);
  let ask;
  server.instead["chat.history"] = (connection, request) => (ask = { connection, request });
  server.remember("lobby", "a");
  const { seq, mid } = server.say("lobby", "b");
  server.last.send({ op: "chat.deleted", room: "lobby", seq, mid });
  await until(() => ask);
  server["on chat.history"](ask.connection, ask.request);
  await settled();
  assert.deepEqual(
    told.message.map(({ text }) => text),
    ["a", null],
  );
  assert.deepEqual(told.deleted, []);
});

test("a listener may leave in the middle of the messages", async (t) => {
  const { server, client, told, online, settled } = await start(t);
  for (const text of ["a", "b", "c"]) server.remember("lobby", text);
  client.on("message", () => client.leave("lobby"));
  client.connect();
  await online();
  await assert.rejects(client.join("lobby"), { code: "closed" });
  await settled();
  assert.deepEqual(told.story, ["old a"]);
});

test("two clients do not share anything", async (t) => {
  const one = await inLobby(t);
  const other = await inLobby(t);
  one.server.say("lobby", "a");
  await one.settled();
  assert.deepEqual(other.told.story, []);
});

test("what else the server says is told", async (t) => {
  const { server, told, settled } = await inLobby(t);
  const from = { id: "u2", name: "Bob" };
  const to = { id: "u1", name: "Ann" };
  const rules = { slow_ms: 10, frozen: true };
  const before = Date.now();
  for (const message of [
    { op: "chat.whisper", mid: "m", ts: 5, from, to, d: { text: "psst" } },
    { op: "chat.typing", room: "lobby", from },
    { op: "room.rules", room: "lobby", rules },
    { op: "muted", room: "lobby", left_ms: 60_000, reason: "calm down" },
    { op: "unmuted", room: "lobby" },
    { op: "move", d: { x: 1.5 } },
    { op: "err", code: "schema_mismatch" },
    { op: "err", re: "long gone", code: "full" },
    { op: "ack", re: "long gone" },
  ]) {
    server.last.send(message);
  }
  await settled();
  assert.deepEqual(told.whisper, [{ mid: "m", ts: 5, from, to, text: "psst" }]);
  assert.deepEqual(told.typing, [{ room: "lobby", from }]);
  assert.deepEqual(told.rules[1], { room: "lobby", rules });
  const [{ until: end, ...muted }] = told.muted;
  assert.deepEqual(muted, { room: "lobby", reason: "calm down" });
  assert.ok(end >= before + 60_000 && end <= Date.now() + 60_000);
  assert.deepEqual(told.unmuted, [{ room: "lobby" }]);
  assert.deepEqual(told.game, [{ op: "move", d: { x: 1.5 } }]);
  assert.deepEqual(told.refused, [{ code: "schema_mismatch", retryMs: undefined }]);
});
