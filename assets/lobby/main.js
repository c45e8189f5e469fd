// The page's story: the door, then the lobby.

import { Chat } from "./chat.js";
import { clearComposer, drawComposer, mention, watchComposer } from "./composer.js";
import { openDoor, watchDoor } from "./door.js";
import { announce, byId } from "./dom.js";
import { closeDrawer, watchDrawers } from "./drawers.js";
import { clearLog, drawLog, toEnd } from "./log.js";
import { askWhat } from "./menu.js";
import { clearModeration, drawModeration, openMeasures, refresh, refreshSoon } from "./moderation.js";
import { drawPeople, rankOf } from "./people.js";
import { drawHead, drawRooms, drawTitle } from "./rooms.js";
import * as session from "./session.js";
import { drawStanding } from "./standing.js";
import { refusalWords } from "./words.js";

let chat = null;

function draw(now) {
  if (now !== chat) return;
  drawStanding(chat.state);
  drawRooms(chat, { open });
  drawHead(chat);
  drawPeople(chat, { whisper: (person) => open({ person }), moderate: openMeasures });
  drawModeration(chat);
  drawComposer(chat);
  drawLog(chat, { openMenu, sendAgain, discard });
  drawTitle(chat);
}

function open({ room, person }) {
  if (person) chat.showPerson(person);
  else chat.showRoom(room);
  closeDrawer();
  if (matchMedia("(pointer: fine)").matches) byId("text").focus();
}

async function openMenu(line) {
  const what = await askWhat(line, chat);
  const { open: conversation, bouncer } = chat;
  if (what === "mention") mention(line.from.name);
  if (what === "whisper") open({ person: line.from });
  if (what === "moderate") openMeasures(line.from);
  if (what === "delete") {
    await bouncer.remove(conversation.room, line.mid).then(() => announce("Message deleted."), (error) => {
      chat.problem = refusalWords(error);
    });
    chat?.changed();
  }
}

function sendAgain(line) {
  chat.open.drop(line);
  chat.send(chat.open, line.text);
  byId("text").focus();
}

function discard(line) {
  chat.open.drop(line);
  chat.changed();
}

function showScreen(name) {
  for (const id of ["lobby", "me", "state"]) byId(id).hidden = name !== "lobby";
  byId("door").hidden = name !== "door";
}

function enterLobby() {
  const { user } = session.current();
  byId("my-name").textContent = user.name;
  byId("my-role").hidden = rankOf(user) === 0;
  byId("my-role").textContent = rankOf(user) === 2 ? "Admin" : "Moderator";
  showScreen("lobby");
  const remembered = session.rememberedRooms();
  chat = new Chat({ session: session.current(), renew: session.renew, remembered, draw });
  const mine = chat;
  chat.bouncer.on("hello", () => {
    refresh(mine);
    // Not while somebody is somewhere else on the page.
    if (document.activeElement === document.body) byId("text").focus();
  });
  chat.bouncer.on("presence", ({ left }) => left.length > 0 && refreshSoon(mine));
  chat.bouncer.on("state", lookForTheDoor);
  chat.bouncer.connect();
}

// The server may have moved while it could not be reached. The door says that somebody is banned, and the log-in
// service why.
async function lookForTheDoor({ name, cause }) {
  if (name === "waiting" && cause.status === 0) await session.renew().catch(() => {});
  if (name !== "stopped" || cause.status !== 403) return;
  await session.refresh().catch(() => {});
  chat?.changed();
}

function leaveLobby(words) {
  const left = chat;
  chat = null;
  session.forget();
  left?.bouncer.close();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("");
  clearLog();
  clearComposer();
  clearModeration();
  drawTitle(null);
  showScreen("door");
  openDoor(words);
}

watchDoor((fresh) => {
  session.keep(fresh);
  enterLobby();
});
watchComposer((text) => {
  toEnd();
  chat.send(chat.open, text);
});
watchDrawers(() => {
  chat.loadRooms();
  refresh(chat);
});
byId("log-out").addEventListener("click", () => leaveLobby(null));
byId("leave").addEventListener("click", () => {
  chat.leave(chat.open);
  byId("text").focus();
});
for (const id of ["out-retry", "waiting-retry"]) {
  byId(id).addEventListener("click", () => chat.bouncer.connect());
}
addEventListener("online", () => {
  if (chat?.state.name === "waiting") chat.bouncer.connect();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) chat?.seen();
  else drawTitle(chat);
});
// Countdowns, and whoever stopped writing.
setInterval(() => chat?.changed(), 1_000);
setInterval(() => {
  if (chat?.isOnline && !document.hidden) chat.loadRooms();
}, 30_000);

// Comes back after a reload. The server may have moved, or this player may be out.
async function comeBack() {
  try {
    await session.refresh();
  } catch (problem) {
    if (problem.status === 401) return leaveLobby(problem.message);
  }
  enterLobby();
}

if (session.current()) {
  comeBack();
} else {
  showScreen("door");
  openDoor(null);
}
