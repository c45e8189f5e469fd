// What both servers share with the others of the comparison: arguments, the token check, and the
// commands of the script that starts them. They are pinned by that script.

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import jsonwebtoken from "jsonwebtoken";

const SECRET = "a secret of the benchmark, 32 bytes or longer";
const AUDIENCE = "game";
const MESSAGE_BYTES = 64;
/** Connections that wait for `accept`. */
const BACKLOG = 1024;

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "1000" },
    messages: { type: "string", default: "1" },
    ticks: { type: "string", default: "100" },
    hz: { type: "string", default: "20" },
  },
});
const [connections, messages, ticks, hz] = [values.connections, values.messages, values.ticks, values.hz].map(Number);

/** The claims of the token in the request's head. Throws unless it is valid. */
export function verify(headers) {
  const token = headers.authorization?.replace(/^Bearer /, "");
  return jsonwebtoken.verify(token, SECRET, { algorithms: ["HS256"], audience: AUDIENCE });
}

/**
 * Listens, and obeys the script. `send` gives one message to everybody; `waiting` says whether
 * anything is not yet handed to the kernel.
 */
export function host(server, send, waiting) {
  server.listen({ host: "127.0.0.1", port: 0, backlog: BACKLOG }, () => {
    say({ port: server.address().port });
  });
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => process.exit(0));
  lines.on("line", async (line) => {
    if (line === "usage") say(usage());
    else if (line === "go") say(await broadcast(send, waiting));
    else throw new Error(`unknown command ${line}`);
  });
}

/** A late tick begins at once, and the next ones count from there. A tick begins once the one before is written. */
async function broadcast(send, waiting) {
  const texts = Array.from({ length: messages }, (_, number) => String(number).padStart(MESSAGE_BYTES, "0"));
  const period = 1000 / hz;
  const start = process.cpuUsage();
  let next = performance.now();
  for (let tick = 0; tick < ticks; tick++) {
    while (waiting()) await sleep(1);
    const now = performance.now();
    await sleep(Math.max(0, next - now));
    next = Math.max(next, now) + period;
    texts.forEach(send);
  }
  while (waiting()) await sleep(1);
  await sleep(300);
  return { ...usage(start), deliveries: connections * messages * ticks };
}

function usage(start) {
  const { user, system } = process.cpuUsage(start);
  return { cpu_user_us: user, cpu_system_us: system, rss_bytes: process.memoryUsage.rss() };
}

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}
