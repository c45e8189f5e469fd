// The moderators' panel: the room's rules, who is muted and who is kept out.

import * as api from "./api.js";
import { announce, avatar, byId, element, say, showAll, write } from "./dom.js";
import { askForMeasure } from "./measures.js";
import { current } from "./session.js";
import { duration, refusalWords, roomTitle, secondsUntil } from "./words.js";

const SLOW = [0, 5, 10, 30, 60, 300];
const REFRESH_MS = 30_000;
const SOON_MS = 3_000;

let chat = null;
let mutes = [];
let removed = [];
let soon = null;

export function drawModeration(now) {
  chat = now;
  byId("moderation").hidden = chat.rank === 0;
  if (chat.rank === 0) return;
  const { room, rules, isJoined } = chat.open;
  byId("room-rules").hidden = room === null || !isJoined;
  drawSlow(Math.ceil(rules.slow_ms / 1000));
  byId("freeze").checked = rules.frozen;
  for (const id of ["slow", "freeze"]) byId(id).disabled = !chat.isOnline;
  drawMutes(mutes.filter(({ until }) => until > Date.now()));
  drawRemoved(removed.filter(({ until }) => until === null || until > Date.now()));
}

function drawSlow(seconds) {
  const select = byId("slow");
  const all = [...new Set([...SLOW, seconds])].sort((a, b) => a - b);
  showAll(select, all, {
    key: (value) => value,
    make: (value) => element("option", { value, text: value ? `One message every ${duration(value)}` : "Off" }),
  });
  select.value = seconds;
}

function drawMutes(muted) {
  write(byId("mutes-count"), String(muted.length));
  byId("mutes-none").hidden = muted.length > 0;
  showAll(byId("mutes"), muted, {
    key: ({ user, room }) => `${user} ${room ?? ""}`,
    version: ({ name }) => name,
    make: ({ user, name, room }) => {
      const place = room ? `in ${roomTitle(room)}` : "everywhere";
      const undo = () => moderate("mod.unmute", room ? { user, room } : { user }, `${name} may write again.`);
      return row({ id: user, name }, "Unmute", `Unmute ${name} ${place}`, undo);
    },
    update: (line, { room, until }) => {
      const place = room ? roomTitle(room) : "Everywhere";
      write(line.querySelector(".hint"), `${place}, ${duration(secondsUntil(until))} left`);
    },
  });
}

function drawRemoved(removed) {
  write(byId("removed-count"), String(removed.length));
  byId("removed-none").hidden = removed.length > 0;
  showAll(byId("removed"), removed, {
    key: ({ id }) => id,
    version: ({ name }) => name,
    make: (user) => {
      const undo = () => moderate("mod.restore", { user: user.id }, `${user.name} may come back.`);
      return row(user, "Let back in", `Let back in: ${user.name}`, undo);
    },
    update: (line, user) => write(line.querySelector(".hint"), removalWords(user)),
  });
}

function removalWords({ ban, until, reason }) {
  const left = until === null ? "" : `, ${duration(secondsUntil(until))} left`;
  return `${ban ? "Banned" : "Locked"}${left}${reason ? `: ${reason}` : ""}`;
}

function row({ id, name }, action, label, act) {
  const hint = element("span", { className: "hint" });
  const who = element("span", { className: "person" }, element("span", { text: name }), hint);
  const button = element("button", { type: "button", className: "small", text: action, aria: { label } });
  button.addEventListener("click", act);
  return element("li", { data: { user: id } }, avatar(id, name), who, button);
}

// Asks the server and shows how everything stands then.
async function moderate(op, fields, done) {
  say("moderation-error", null);
  try {
    await chat.bouncer.request(op, fields);
    announce(done);
  } catch (error) {
    say("moderation-error", refusalWords(error));
  }
  await refresh(chat);
}

export async function refresh(now) {
  if (now.rank === 0 || !now.isOnline) return;
  const [muted, out] = await Promise.allSettled([
    now.bouncer.request("mod.mutes"),
    api.revoked(current()?.token),
  ]);
  if (muted.status === "fulfilled") {
    mutes = muted.value.mutes.map((mute) => ({ ...mute, until: Date.now() + mute.left_ms }));
  }
  const untilOf = ({ left_ms: left }) => (left === null ? null : Date.now() + left);
  if (out.status === "fulfilled") removed = out.value.map((user) => ({ ...user, until: untilOf(user) }));
  else say("moderation-error", out.reason.message);
  now.changed();
}

// Somebody left, perhaps for that reason. Many may: they count as one.
export function refreshSoon(now) {
  if (now.rank === 0) return;
  soon ??= setTimeout(() => {
    soon = null;
    refresh(now);
  }, SOON_MS);
}

export async function openMeasures(user) {
  const ask = chat;
  const done = await askForMeasure(user, {
    room: ask.lastRoom.room,
    isMuted: mutes.some((mute) => mute.user === user.id && mute.until > Date.now()),
    request: (op, fields) => ask.bouncer.request(op, fields),
  });
  if (!done) return;
  announce(done);
  await refresh(ask);
}

export function clearModeration() {
  mutes = [];
  removed = [];
  chat = null;
}

byId("slow").addEventListener("change", ({ target }) => {
  const seconds = Number(target.value);
  const done = seconds ? `Slow mode: one message every ${duration(seconds)}.` : "Slow mode is off.";
  moderate("mod.slow", { room: chat.open.room, seconds }, done);
});
byId("freeze").addEventListener("change", ({ target }) => {
  const on = target.checked;
  const done = on ? "The room is frozen." : "The room is not frozen any more.";
  moderate("mod.freeze", { room: chat.open.room, on }, done);
});
setInterval(() => {
  if (chat && !document.hidden) refresh(chat);
}, REFRESH_MS);
