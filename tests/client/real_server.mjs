// Two clients and a real server, which ends connections now and then: everything is said once, and heard once and
// in order. Started by tests/browser_client.rs as: node real_server.mjs <url> <token> <token>

import assert from "node:assert/strict";
import WebSocket from "ws";
import { Bouncer } from "../../assets/client/index.js";

const MESSAGES = 60;
const [url, annsToken, bobsToken] = process.argv.slice(2);
const client = (token) => new Bouncer({ url, token, WebSocket });
const [ann, bob] = [client(annsToken), client(bobsToken)];

const heard = [];
let connections = 0;
const all = new Promise((resolve) => {
  bob.on("message", ({ text, isOld, seq }) => {
    heard.push({ text, isOld, seq });
    if (heard.length === MESSAGES) resolve();
  });
});
bob.on("gap", () => assert.fail("nothing is missing"));
for (const one of [ann, bob]) {
  one.on("hello", () => connections++);
  one.on("state", ({ name, cause }) => assert.notEqual(name, "stopped", JSON.stringify(cause)));
  one.connect();
}
const { members, count } = await bob.join("a");
assert.ok(members.some(({ name }) => name === "Name of bob"));
assert.equal(count, members.length);
await ann.join("a");

const words = Array.from({ length: MESSAGES }, (_, number) => `message ${number}`);
for (let number = 0; number < MESSAGES; number += 10) {
  await Promise.all(words.slice(number, number + 10).map((text) => ann.say("a", text)));
}
await all;
assert.deepEqual(heard.map(({ text }) => text), words);
assert.deepEqual(heard.map(({ seq }) => seq), words.map((_, number) => number + 1));
assert.ok(connections > 4, `${connections} connections`);

await assert.rejects(ann.say("a", "x".repeat(501)), { code: "text_too_long" });
const whisper = new Promise((resolve) => bob.on("whisper", resolve));
await ann.whisper("bob", "psst");
assert.equal((await whisper).text, "psst");
const { messages, more } = await bob.history("a", { before: 11 });
assert.deepEqual([messages.length, more], [10, false]);
await assert.rejects(ann.request("mod.mutes"), { code: "forbidden" });
ann.close();
bob.close();
console.log("done");
