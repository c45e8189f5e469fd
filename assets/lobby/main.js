// The page's story: the door, then the lobby.

import * as api from "./api.js";
import { Connection } from "./connection.js";
import * as view from "./view.js";

const { byId } = view;
// sessionStorage: another tab can be another player, and closing the tab forgets the log-in.
const STORED = "lobby-session";

let session = JSON.parse(sessionStorage.getItem(STORED) ?? "null");
let mode = "login";
let renewal = 0;
let nextId = 1;
const players = new Map();
// Texts that the server has not acknowledged yet, by their id.
const unsent = new Map();

const connection = new Connection({ session: () => session, renew, onState, onMessage });

function keep(fresh) {
  session = fresh;
  sessionStorage.setItem(STORED, JSON.stringify(fresh));
  // A new token well before the old one ends. Should it fail, the door will tell.
  clearTimeout(renewal);
  renewal = setTimeout(() => renew().catch(() => {}), fresh.expires_in * 750);
}

async function renew() {
  const before = session;
  const fresh = await api.renewToken(before.token);
  if (session !== before) return;
  keep(fresh);
  // The page may only connect to where the server was when it was loaded.
  if (fresh.ws_url !== before.ws_url) location.reload();
}

function enterLobby() {
  players.clear();
  view.clearMessages();
  view.showMe(session.user);
  view.showScreen("lobby");
  drawPlayers();
  connection.retry();
}

function leaveLobby(words) {
  session = null;
  sessionStorage.removeItem(STORED);
  clearTimeout(renewal);
  connection.close();
  view.clearMessages();
  byId("composer").reset();
  view.say("composer-error", null);
  openDoor();
  view.say("door-error", words);
}

function openDoor() {
  view.showScreen("door");
  view.showDoor(mode);
  byId("name").focus();
}

function onState(state) {
  view.showState(state);
  if (state.name === "online" || state.name === "connecting") return;
  players.clear();
  drawPlayers();
  giveBack([...unsent.values()], "Your last message may not have been sent.");
  unsent.clear();
}

// Puts texts that did not get through back where they can be sent again.
function giveBack(texts, words) {
  if (texts.length === 0) return;
  const field = byId("text");
  if (!field.value) field.value = texts.join(" ").slice(0, field.maxLength);
  view.say("composer-error", words);
}

function onMessage(message) {
  handlers[message.op]?.(message);
}

const handlers = {
  hello({ players: present, history }) {
    players.clear();
    for (const player of present) players.set(player.id, player);
    view.clearMessages();
    for (const message of history) view.addMessage(message, session.user);
    view.addEvent("You are in the lobby.");
    drawPlayers();
    loadRemoved();
    // Not while somebody is somewhere else on the page.
    if (document.activeElement === document.body) byId("text").focus();
  },
  joined({ user }) {
    players.set(user.id, user);
    view.addEvent(`${user.name} came in.`);
    drawPlayers();
  },
  left({ user, reason }) {
    const name = players.get(user)?.name;
    if (!name) return;
    const removed = reason === "token_revoked" || reason === "banned";
    players.delete(user);
    view.addEvent(removed ? `${name} was removed.` : `${name} left.`);
    drawPlayers();
    if (removed) loadRemoved();
  },
  "chat.msg"(message) {
    view.addMessage(message, session.user);
  },
  ack({ re }) {
    unsent.delete(re);
    view.say("composer-error", null);
  },
  err({ re, message }) {
    const text = unsent.get(re);
    unsent.delete(re);
    if (text) giveBack([text], message);
  },
};

function drawPlayers() {
  view.showPlayers(players, session?.user ?? {}, moderates() ? removePlayer : null);
}

const moderates = () => session !== null && view.isModerator(session.user);

async function loadRemoved() {
  if (moderates()) await moderate(async () => {});
}

// Does what a moderator asked for and shows how the list looks then.
async function moderate(action) {
  view.say("moderation-error", null);
  try {
    await action();
    view.showRemoved(await api.revoked(session.token), letBackIn);
  } catch (problem) {
    view.say("moderation-error", problem.message);
  }
}

async function removePlayer(player) {
  const reason = await view.askForReason(player);
  if (reason !== null) await moderate(() => api.revoke(session.token, player.id, reason));
}

function letBackIn(user) {
  return moderate(() => api.restore(session.token, user.id));
}

byId("switch").addEventListener("click", () => {
  mode = mode === "login" ? "signup" : "login";
  view.showDoor(mode);
  byId("name").focus();
});

byId("credentials").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [name, password] = [byId("name").value.trim(), byId("password").value];
  view.say("door-error", null);
  byId("enter").disabled = true;
  try {
    keep(await (mode === "signup" ? api.signUp : api.logIn)(name, password));
    byId("credentials").reset();
    mode = "login";
    enterLobby();
  } catch (problem) {
    view.say("door-error", problem.message);
  } finally {
    byId("enter").disabled = false;
  }
});

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text) return;
  const id = `c${nextId++}`;
  if (!connection.send({ op: "chat.send", id, d: { text } })) return;
  unsent.set(id, text);
  byId("text").value = "";
});

byId("log-out").addEventListener("click", () => leaveLobby(null));
byId("out-retry").addEventListener("click", () => connection.retry());
byId("waiting-retry").addEventListener("click", () => connection.connect());
addEventListener("online", () => {
  if (byId("state").dataset.state === "waiting") connection.connect();
});

// Comes back after a reload. The server may have moved, or this player may be out.
async function comeBack() {
  try {
    await renew();
  } catch (problem) {
    if (problem.status === 401) return leaveLobby(problem.message);
  }
  enterLobby();
}

if (session) {
  comeBack();
} else {
  openDoor();
}
