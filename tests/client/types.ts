// Uses everything in index.d.ts as a page would. It is compiled, not run.

import {
  Bouncer,
  Refused,
  type Cause,
  type Events,
  type Handled,
  type Joined,
  type Member,
  type Message,
  type Mute,
  type Page,
  type Said,
  type State,
  type User,
} from "../../assets/client/index.js";

const client = new Bouncer({
  url: "wss://game.example/ws",
  token: "t1",
  renew: async (why: "expiring" | "refused") => `${why} t2`,
  unanswered: 50,
  WebSocket,
  fetch,
});

function describe(state: State): string {
  switch (state.name) {
    case "closed":
    case "connecting":
    case "online":
      return state.name;
    case "waiting":
      return `${wordsOf(state.cause)} until ${new Date(state.until).toISOString()}`;
    case "stopped": {
      const end: number | undefined = state.until;
      return `${whatNow(state.why)}: ${wordsOf(state.cause)} until ${end ?? "for good"}`;
    }
  }
}

function whatNow(why: Extract<State, { name: "stopped" }>["why"]): string {
  switch (why) {
    case "unauthorized":
      return "log in again";
    case "banned":
      return "wait";
    case "refused":
      return "read";
  }
}

function wordsOf({ close, status, code, words }: Cause): string {
  const number: number | undefined = close ?? status;
  return words || `${code} ${number ?? ""}`;
}

const ends: (() => void)[] = [
  client.on("state", (state) => console.log(describe(state))),
  client.on("hello", ({ user, rank, limits }) => console.log(user.name, rank + 1, limits.text_length)),
  client.on("message", (message) => show(message, message.isOld)),
  client.on("deleted", ({ room, seq, mid }) => console.log(room, seq + 1, mid)),
  client.on("whisper", ({ from, to, text }) => console.log(from.name, to.name, text.length)),
  client.on("typing", ({ room, from }) => console.log(room, from.id?.length, from.name)),
  client.on("presence", ({ members, joined, left }) => names([...members, ...joined, ...left])),
  client.on("rules", ({ rules }) => console.log(rules.slow_ms + 1, rules.frozen)),
  client.on("gap", ({ room }) => console.log(room)),
  client.on("closed", ({ room }) => console.log(room)),
  client.on("stored", ({ room, seq }) => console.log(room, seq + 1)),
  client.on("notice", ({ room, text, tone }) => console.log(room?.length, text, tone === "warning")),
  client.on("joined", ({ room, members }) => console.log(room, names(members))),
  client.on("muted", ({ room, until, reason }) => console.log(room?.length, until + 1, reason?.length)),
  client.on("unmuted", ({ room }) => console.log(room?.length)),
  client.on("game", ({ op, d }) => console.log(op, d as { x: number })),
  client.on("refused", ({ code, retryMs }) => console.log(code, retryMs ?? 0)),
];

function names(members: Member[]): string[] {
  return members.map(({ name, rank }) => `${name} ${rank + 1}`);
}

function show({ from, text, ts }: Message, isOld: boolean): void {
  console.log(from?.name ?? "the game", text ?? "deleted", ts + 1, isOld);
}

export async function use(): Promise<void> {
  client.connect();
  const joined: Joined = await client.join("lobby");
  const page: Page = await client.history("lobby", { before: joined.messages[0]?.seq ?? 1 });
  console.log(page.more, (await client.rooms())[0]?.members, client.user?.id, client.token, client.state);
  try {
    const said: Said | Handled = await client.say("lobby", "hi");
    if (said.handled) console.log("the game has answered");
    else console.log(said.seq + said.ts, said.mid, said.stored === false);
    console.log((await client.whisper("u2", "psst")).mid);
  } catch (error) {
    if (error instanceof Refused) console.log(error.code, error.retryMs ?? 0, error.message);
  }
  await client.remove("lobby", "m");
  client.typing("lobby");
  const isSent: boolean = client.send("move", { x: 1 });
  const { anything } = await client.request("plugin.anything", { user: "u2" });
  console.log(isSent, anything);
  await moderate();
  client.connect("t2");
  client.wake();
  await client.leave("lobby");
  for (const end of ends) end();
  client.close();
}

async function moderate(): Promise<void> {
  const { left_ms } = await client.mute("u2", { room: "lobby", seconds: 60, reason: "calm down" });
  await client.mute("u2");
  await client.unmute("u2");
  await client.unmute("u2", "lobby");
  const { mutes, more }: { mutes: Mute[]; more: boolean } = await client.mutes();
  console.log(left_ms + 1, mutes[0]?.name, mutes[0]?.room, more);
  await client.kick("u2", "calm down");
  await client.ban("u2", { seconds: 60, reason: "calm down" });
  await client.logOut("u2");
  await client.revoke("u2", "stolen");
  await client.restore("u2");
  await client.slow("lobby", 10);
  await client.freeze("lobby", true);
}

// What must not compile.
const event: keyof Events = "gap";
// @ts-expect-error there is no such event
client.on("nothing", () => {});
// @ts-expect-error a gap has no messages
client.on(event, ({ messages }) => messages);
// @ts-expect-error there has to be a token
new Bouncer({ url: "wss://game.example/ws" });
// @ts-expect-error it is not for the page to change
client.token = "t3";
// @ts-expect-error a message may be deleted
client.on("message", ({ text }) => text.length);
// @ts-expect-error what the game has answered has no number
client.say("lobby", "hi").then(({ seq }) => seq + 1);
// @ts-expect-error a ban has seconds, not a date
client.ban("u2", { until: new Date() });
