// The page's story: the door, then the lobby.

import { watchAccount } from "./account.js";
import * as api from "./api.js";
import { Chat } from "./chat.js";
import { HELP, written } from "./commands.js";
import { clearComposer, drawComposer, edit, mention, watchComposer } from "./composer.js";
import { openDoor, watchDoor } from "./door.js";
import { announce, byId, write } from "./dom.js";
import { closeDrawer, watchDrawers } from "./drawers.js";
import { endingOf, isLoggedOut } from "./endings.js";
import { forgetKeepsakes } from "./keepsakes.js";
import { clearLog, drawLog, showFresh, toEnd } from "./log.js";
import { askWhat } from "./menu.js";
import { clearModeration, drawModeration, openMeasures, refresh, refreshSoon } from "./moderation.js";
import { drawPeople, rankOf } from "./people.js";
import { askToLogIn, closeRelogin } from "./relogin.js";
import { drawHead, drawRooms, drawTitle } from "./rooms.js";
import "./reveal.js";
import * as session from "./session.js";
import { drawStanding } from "./standing.js";
import { refusalWords } from "./words.js";

let chat = null;

function draw(now) {
  if (now !== chat) return;
  drawStanding(chat.state);
  drawMe(chat.me);
  drawRooms(chat, { open });
  drawHead(chat);
  drawPeople(chat, { whisper: (person) => open({ person }), moderate: openMeasures });
  drawModeration(chat);
  drawComposer(chat);
  drawLog(chat, { openMenu, sendAgain, edit: editAgain, discard: (line) => chat.drop(line) });
  drawTitle(chat);
}

function drawMe(user) {
  write(byId("my-name"), user.name);
  byId("my-role").hidden = rankOf(user) === 0;
  write(byId("my-role"), rankOf(user) === 2 ? "Admin" : "Moderator");
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
  if (what === "copy") navigator.clipboard.writeText(line.text).then(() => announce("Copied."), () => {});
  if (what === "delete") {
    await bouncer.remove(conversation.room, line.mid).then(() => announce("Message deleted."), (error) => {
      chat.problem = refusalWords(error);
    });
    chat?.changed();
  }
}

function sendAgain(line) {
  chat.drop(line);
  chat.send(chat.open, line.text);
  byId("text").focus();
}

function editAgain(line) {
  chat.drop(line);
  edit(written(line.text));
}

// Does what was written. Answers with what is wrong with it, if something is.
function carryOut({ say, whisper, to, help, problem }) {
  if (problem) return problem;
  if (help) chat.open.addNotice({ text: HELP });
  if (to) open({ person: to });
  toEnd();
  if (say || whisper) chat.send(chat.open, say ?? whisper);
  else chat.changed();
  return null;
}

function showScreen(name) {
  for (const id of ["lobby", "me", "state"]) byId(id).hidden = name !== "lobby";
  byId("door").hidden = name !== "door";
}

function enterLobby() {
  drawMe(session.current().user);
  showScreen("lobby");
  const remembered = session.rememberedRooms();
  chat = new Chat({ session: session.current(), renew: session.renew, remembered, draw });
  const mine = chat;
  chat.bouncer.on("hello", () => {
    refresh(mine);
    closeRelogin();
    // Not while somebody is somewhere else on the page.
    if (document.activeElement === document.body) byId("text").focus();
  });
  chat.bouncer.on("presence", ({ left }) => left.length > 0 && refreshSoon(mine));
  chat.bouncer.on("state", (state) => findOut(mine, state));
  chat.bouncer.connect();
}

// The server may have moved while it could not be reached. The log-in service has words for whoever may not come in, and
// knows when a ban ends.
async function findOut(mine, state) {
  const { name, cause } = state;
  if (name === "waiting" && cause.status === 0) await session.renew().catch(() => {});
  if (name !== "stopped") return;
  if (isLoggedOut(state)) return logInAgain(mine);
  if (state.why === "banned" || cause.status === 403) await session.refresh().catch(() => {});
  mine.changed();
}

// The conversation stays, and goes on with the new log-in.
async function logInAgain(mine) {
  if (mine !== chat) return;
  const { words } = endingOf(mine.state, session.lastRefusal());
  const fresh = await askToLogIn(mine.me, words);
  if (mine !== chat || fresh === null) return;
  if (fresh === "other" || fresh.user.id !== mine.me.id) leaveLobby();
  if (fresh === "other") return;
  const hasMoved = fresh.ws_url !== session.current()?.ws_url;
  session.keep(fresh);
  if (mine !== chat) enterLobby();
  else if (hasMoved) location.reload();
  else mine.comeBack(fresh.token);
}

function leaveLobby(hello) {
  const left = chat;
  chat = null;
  session.forget();
  forgetKeepsakes();
  left?.bouncer.close();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("");
  clearLog();
  clearComposer();
  clearModeration();
  drawTitle(null);
  showScreen("door");
  openDoor(null, hello);
}

watchDoor((fresh) => {
  session.keep(fresh);
  enterLobby();
});
watchComposer(carryOut);
watchDrawers(() => {
  chat.loadRooms();
  refresh(chat);
});
byId("log-out").addEventListener("click", () => leaveLobby());
watchAccount(() => leaveLobby("You are logged out everywhere."));
byId("leave").addEventListener("click", () => {
  chat.leave(chat.open);
  byId("text").focus();
});
byId("waiting-retry").addEventListener("click", () => chat.bouncer.connect());
byId("out-retry").addEventListener("click", () => {
  if (isLoggedOut(chat.state)) logInAgain(chat);
  else chat.comeBack();
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented) toEnd();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  showFresh();
  chat?.seen();
});
// Countdowns, and whoever stopped writing.
setInterval(() => chat?.changed(), 1_000);
setInterval(() => {
  if (chat?.isOnline && !document.hidden) chat.loadRooms();
}, 30_000);

// Comes back after a reload. The server may have moved; and why somebody may not come in is said in the lobby, where
// what they wrote is kept.
async function comeBack() {
  await session.refresh().catch(() => {});
  enterLobby();
}

if (session.current()) {
  comeBack();
} else {
  showScreen("door");
  openDoor(null);
}
