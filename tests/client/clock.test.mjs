// What takes long, on a clock that goes ten times as fast. In a process of its own, as all timers are on it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { realSetTimeout, start, until } from "./fake_server.mjs";

globalThis.setTimeout = (callback, ms, ...rest) => realSetTimeout(callback, ms / 10, ...rest);

test("patience-reset: begins with short waits again after a connection that lasted", async (t) => {
  const { server, client, online, state } = await start(t);
  server.hello = { heartbeat_ms: 3_600_000, reconnect: { first_ms: 1_000, longest_ms: 60_000 } };
  const waits = [];
  // Told at once, however busy the machine is.
  client.on("state", ({ name, until: end }) => {
    if (name === "waiting") waits.push(end - Date.now());
  });
  const lose = async () => {
    server.last.socket.close(4001, "slow_consumer");
    await state("waiting");
  };
  client.connect();
  await online();
  await lose();
  await online(2);
  await lose();
  await online(3);
  const end = performance.now() + 1_050;
  await until(() => performance.now() > end);
  await lose();
  await online(4);
  assert.ok(waits[1] > 900, `${waits}`);
  assert.ok(waits[2] <= 1_000, `${waits}`);
});

test("hello: does not wait for it for ever", async (t) => {
  const { server, client, told, online } = await start(t);
  server.instead.hello = () => {};
  client.connect();
  await until(() => told.state.length > 1);
  assert.equal(told.state[1].cause.code, "silent");
  delete server.instead.hello;
  await online(2);
});
