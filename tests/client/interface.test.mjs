import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as module from "../../assets/client/index.js";

test("the types name what the module has, and nothing else", async () => {
  const types = await readFile(new URL("../../assets/client/index.d.ts", import.meta.url), "utf8");
  const classes = [...types.matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(classes.sort(), Object.keys(module).sort());
  const [, body] = /^export class Bouncer \{\n(.*?)^\}/ms.exec(types);
  const members = [...body.matchAll(/^  (?:readonly )?(\w+)[<(:]/gm)].map(([, name]) => name);
  const own = Object.getOwnPropertyNames(module.Bouncer.prototype);
  const inherited = Object.getOwnPropertyNames(Object.getPrototypeOf(module.Bouncer.prototype));
  const all = new Set([...own, ...inherited]);
  assert.deepEqual(members.sort(), [...all].sort());
});
