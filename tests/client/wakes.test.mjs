// What happens when the page, the network or the machine is back from sleep.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start, until } from "./fake_server.mjs";

const LONG = { first_ms: 60_000, longest_ms: 60_000 };

// What a browser has and Node has not. The clock can be set forward, as a sleep does.
function browser(t) {
  const [window, document] = [new EventTarget(), new EventTarget()];
  const listeners = new Set();
  for (const target of [window, document]) {
    const { addEventListener, removeEventListener } = target;
    target.addEventListener = (...listener) => {
      listeners.add(listener[0]);
      addEventListener.apply(target, listener);
    };
    target.removeEventListener = (...listener) => {
      listeners.delete(listener[0]);
      removeEventListener.apply(target, listener);
    };
  }
  // They stay until the next test: the client lets go of them after it.
  const { addEventListener, removeEventListener } = window;
  Object.assign(globalThis, { document, addEventListener, removeEventListener });
  const now = Date.now;
  let slept = 0;
  t.mock.method(Date, "now", () => now() + slept);
  document.visibilityState = "visible";
  return {
    document,
    listeners,
    sleep: (ms) => (slept += ms),
    show: () => document.dispatchEvent(new Event("visibilitychange")),
    tell: (event) => window.dispatchEvent(new Event(event)),
  };
}

// A client that has lost its connection and waits for half a minute and more.
async function waiting(t, close = [4006, "overloaded"], options) {
  const page = browser(t);
  const all = await start(t, options);
  all.server.hello = { reconnect: LONG };
  all.client.connect();
  await all.online();
  all.server.last.socket.close(...close);
  const { until: end } = await all.state("waiting");
  return { ...all, page, left: () => all.client.state.until - Date.now(), end };
}

// Long enough for an attempt, if there were one.
async function aMoment() {
  const end = performance.now() + 100;
  await until(() => performance.now() > end);
}

for (const event of ["visibilitychange", "pageshow", "online"]) {
  test(`wake: ${event} ends a wait at once`, async (t) => {
    const { page, online } = await waiting(t);
    if (event === "visibilitychange") page.show();
    else page.tell(event);
    await online(2);
  });
}

test("wake: an app that knows better says so itself", async (t) => {
  const { client, online } = await waiting(t);
  client.wake();
  await online(2);
});

test("wake: a page that is hidden stays asleep", async (t) => {
  const { server, page, client } = await waiting(t);
  page.document.visibilityState = "hidden";
  page.show();
  page.tell("online");
  await aMoment();
  assert.equal(server.connections.length, 1);
  assert.equal(client.state.name, "waiting");
});

test("wake: a network that comes and goes does not hurry the client", async (t) => {
  const { server, page, client, state, told, left } = await waiting(t);
  server.isBlocked = true;
  page.tell("online");
  await until(() => told.state.filter(({ name }) => name === "connecting").length === 2);
  await state("waiting");
  // The next one comes ten seconds after that one, and not earlier.
  const attempts = server.preflights.length;
  for (let times = 0; times < 20; times += 1) page.tell("online");
  await aMoment();
  assert.equal(server.preflights.length, attempts);
  assert.equal(client.state.name, "waiting");
  assert.ok(left() > 5_000 && left() <= 10_000, `${left()}`);
  // Unless the time has passed in the meantime.
  server.isBlocked = false;
  page.sleep(11_000);
  page.tell("online");
  await state("online");
});

test("wake: what the server asked for is kept", async (t) => {
  const { server, page, client, end, online } = await waiting(t, [4000, "draining: come back in 70000 ms"]);
  page.tell("online");
  page.show();
  await aMoment();
  assert.equal(server.connections.length, 1);
  assert.equal(client.state.until, end);
  // It has passed while the machine slept, and the timer has not.
  page.sleep(71_000);
  page.show();
  await online(2);
});

test("wake: patience begins anew, as the attempts before it had no network", async (t) => {
  const { server, page, online, state, left } = await waiting(t);
  server.hello = { reconnect: { first_ms: 2_000, longest_ms: 60_000 } };
  page.tell("online");
  await online(2);
  for (let times = 0; times < 5; times += 1) {
    const count = server.connections.length;
    server.last.socket.close(4006, "overloaded");
    await state("waiting");
    page.sleep(11_000);
    page.tell("online");
    await online(count + 1);
  }
  server.last.socket.close(4006, "overloaded");
  await state("waiting");
  assert.ok(left() <= 4_000, `${left()}`);
});

for (const event of ["visibilitychange", "online", "the clock"]) {
  test(`heartbeat: a line that died in a sleep is noticed at once, by ${event}`, async (t) => {
    const ticks = [];
    const { setInterval } = globalThis;
    t.mock.method(globalThis, "setInterval", (tick, ms) => {
      ticks.push(tick);
      return setInterval(() => {}, ms);
    });
    const page = browser(t);
    const { server, client, told, online } = await start(t);
    server.hello = { heartbeat_ms: 3_600_000 };
    client.connect();
    await online();
    page.sleep(2 * 3_600_000);
    if (event === "the clock") for (const tick of ticks) tick();
    else if (event === "online") page.tell(event);
    else page.show();
    await online(2);
    assert.deepEqual(told.state[2].cause, { code: "silent", words: "" });
  });
}

for (const hours of [2, 10]) {
  test(`heartbeat: a line that speaks after a sleep of ${hours} hours lives on`, async (t) => {
    const page = browser(t);
    let socket;
    class Socket {
      readyState = 1;
      constructor() {
        socket = this;
      }
      send() {}
      close() {}
      say(message) {
        this.onmessage({ data: JSON.stringify(message) });
      }
    }
    const { client } = await start(t, { WebSocket: Socket });
    client.connect();
    socket.onopen();
    socket.say({ op: "hello", user: { id: "u1" }, heartbeat_ms: 3_600_000 });
    page.sleep(hours * 3_600_000);
    page.show();
    // What arrived meanwhile is read first. Of two timers the one that is due first comes first, however late they are.
    await new Promise((resolve) => setTimeout(resolve, 5));
    socket.say({ op: "beat" });
    for (let times = 0; times < 10; times += 1) page.show();
    const end = performance.now() + 400;
    await until(() => performance.now() > end);
    assert.equal(client.state.name, "online");
  });
}

test("heartbeat: wakes one after another do not keep a dead line", async (t) => {
  const page = browser(t);
  const { server, client, online } = await start(t);
  server.hello = { heartbeat_ms: 3_600_000 };
  client.connect();
  await online();
  page.sleep(2 * 3_600_000);
  const again = setInterval(() => page.show(), 20);
  t.after(() => clearInterval(again));
  await until(() => client.state.name !== "online");
});

test("renew-early: a token that was due in a sleep is renewed after it", async (t) => {
  const page = browser(t);
  const renew = async () => "t2";
  const { server, client, online, settled } = await start(t, { renew });
  server.hello = { expires_in_ms: 100_000, heartbeat_ms: 3_600_000 };
  client.connect();
  await online();
  page.show();
  await settled();
  assert.equal(server.received("auth.refresh").length, 0);
  page.sleep(90_000);
  page.show();
  await until(() => server.received("auth.refresh").length === 1);
});

test("nobody listens after the end", async (t) => {
  const { page, client } = await waiting(t);
  assert.deepEqual([...page.listeners].sort(), ["online", "pageshow", "visibilitychange"]);
  client.close();
  assert.deepEqual([...page.listeners], []);
  client.connect();
  client.connect();
  assert.equal(page.listeners.size, 3);
});
