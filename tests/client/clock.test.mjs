// These take the clock into their hands, from before the client connects until everything is closed: a timer
// that began on one clock cannot be cleared on the other. So they have a process of their own.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { start, until } from "./fake_server.mjs";

test("begins with short waits again after a connection that lasted", async (t) => {
  const { server, client, told, online, state } = await start(t);
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  server.hello = { heartbeat_ms: 3_600_000, reconnect: { first_ms: 1_000, longest_ms: 60_000 } };
  const waits = [];
  const lose = async () => {
    server.last.socket.close(4001, "slow_consumer");
    const waiting = await state("waiting");
    waits.push(waiting.until - Date.now());
    mock.timers.tick(60_000);
  };
  client.connect();
  await online();
  await lose();
  await online(2);
  await lose();
  await online(3);
  mock.timers.tick(10_000);
  await lose();
  await online(4);
  assert.ok(waits[1] > 900, `${waits}`);
  assert.ok(waits[2] <= 1_000, `${waits}`);
  assert.equal(told.hello.length, 4);
});

test("does not wait for a hello for ever", async (t) => {
  const { server, client, online, state } = await start(t);
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  server.instead.hello = () => {};
  client.connect();
  await until(() => server.connections.length === 1);
  await new Promise((resolve) => server.connections[0].socket.ping("", false, resolve));
  // The pong says that the client has seen the upgrade.
  let hasPong = false;
  server.connections[0].socket.once("pong", () => (hasPong = true));
  await until(() => hasPong);
  mock.timers.tick(15_000);
  assert.equal((await state("waiting")).cause.code, "silent");
  delete server.instead.hello;
  mock.timers.tick(1_000);
  await online(2);
});
