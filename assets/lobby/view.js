// What is on the page. Names and texts only ever become text nodes.

export const byId = (id) => document.getElementById(id);

export function element(tag, { className, text, ...properties } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

// Shows words in an element, or hides it when there are none.
export function say(id, words) {
  byId(id).textContent = words ?? "";
  byId(id).hidden = !words;
}

export function showScreen(name) {
  byId("door").hidden = name !== "door";
  byId("lobby").hidden = name !== "lobby";
  byId("me").hidden = name !== "lobby";
  byId("state").hidden = name !== "lobby";
}

export function showMe(user) {
  byId("my-name").textContent = user.name;
  byId("my-role").hidden = !isModerator(user);
  byId("removed-section").hidden = !isModerator(user);
}

export const isModerator = (user) => user.roles.includes("moderator");

export function showDoor(mode) {
  const isNew = mode === "signup";
  byId("door-title").textContent = isNew ? "Create an account" : "Log in";
  byId("door-hint").textContent = isNew ? "Choose the name that others will see." : "Welcome back.";
  byId("enter").textContent = isNew ? "Sign up" : "Log in";
  byId("switch-text").textContent = isNew ? "Been here before?" : "New here?";
  byId("switch").textContent = isNew ? "Log in" : "Create an account";
  byId("name-rule").hidden = !isNew;
  byId("password-rule").hidden = !isNew;
  byId("password").autocomplete = isNew ? "new-password" : "current-password";
  say("door-error", null);
}

const STATES = {
  connecting: "Connecting…",
  online: "Connected",
  waiting: "Reconnecting",
  stopped: "Not connected",
  closed: "Not connected",
};

let countdown = 0;

export function showState({ name, words, until }) {
  clearInterval(countdown);
  const online = name === "online";
  byId("state").dataset.state = name;
  byId("state-text").textContent = STATES[name];
  byId("send").disabled = !online;
  byId("lobby").classList.toggle("offline", !online);
  byId("out").hidden = name !== "stopped";
  byId("out-words").textContent = name === "stopped" ? words : "";
  byId("waiting").hidden = name !== "waiting";
  byId("announcement").textContent = words && name === "waiting" ? `${words} Reconnecting.` : STATES[name];
  if (name === "waiting") {
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      byId("waiting-words").textContent = `${words} Trying again in ${seconds}\u00a0s.`;
    };
    tick();
    countdown = setInterval(tick, 1000);
  }
}

function avatar(id, name) {
  const circle = element("span", { className: "avatar", text: name.charAt(0).toUpperCase() });
  let hue = 0;
  for (const character of id) hue = (hue * 31 + character.codePointAt(0)) % 360;
  circle.style.setProperty("--hue", hue);
  circle.setAttribute("aria-hidden", "true");
  return circle;
}

// `onRemove` is there for moderators only.
export function showPlayers(players, me, onRemove) {
  byId("players-unknown").hidden = players.size > 0;
  const rows = [...players.values()].map((player) => {
    const row = element("li", {}, avatar(player.id, player.name));
    row.append(element("span", { className: "person", text: player.name }));
    if (isModerator(player)) row.append(element("span", { className: "badge", text: "Moderator" }));
    if (player.id === me.id) row.append(element("span", { className: "badge plain", text: "You" }));
    if (onRemove && !isModerator(player)) {
      const button = element("button", { type: "button", className: "small", text: "Remove" });
      button.setAttribute("aria-label", `Remove ${player.name}`);
      button.addEventListener("click", () => onRemove(player));
      row.append(button);
    }
    return row;
  });
  byId("players").replaceChildren(...rows);
  byId("player-count").textContent = players.size || "";
}

export function showRemoved(users, onRestore) {
  const rows = users.map((user) => {
    const who = element("span", { className: "person" });
    who.append(element("span", { text: user.name }));
    if (user.reason) who.append(element("span", { className: "hint", text: user.reason }));
    const button = element("button", { type: "button", className: "small", text: "Let back in" });
    button.setAttribute("aria-label", `Let ${user.name} back in`);
    button.addEventListener("click", () => onRestore(user));
    return element("li", {}, avatar(user.id, user.name), who, button);
  });
  byId("removed").replaceChildren(...rows);
  byId("removed-count").textContent = users.length;
  byId("removed-none").hidden = users.length > 0;
}

// Most lines that stay on the page.
const LINES = 500;

// Whether the newest line is in sight; it stays so when lines come and when the window changes.
let atEnd = true;

function addLine(line) {
  const list = byId("messages");
  list.append(line);
  while (list.childElementCount > LINES) list.firstElementChild.remove();
  keepAtEnd();
}

function keepAtEnd() {
  const list = byId("messages");
  if (atEnd) list.scrollTop = list.scrollHeight;
}

byId("messages").addEventListener("scroll", ({ target }) => {
  atEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 80;
});
new ResizeObserver(keepAtEnd).observe(byId("messages"));

export function addMessage({ ts, from, d }, me) {
  const date = new Date(ts);
  const time = element("time", {
    dateTime: date.toISOString(),
    text: date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
  });
  const head = element("p", { className: "head" });
  head.append(element("span", { className: "author", text: from.name }), time);
  const body = element("div", { className: "body" }, head);
  body.append(element("p", { className: "words", text: d.text }));
  const className = from.id === me.id ? "message mine" : "message";
  addLine(element("div", { className }, avatar(from.id, from.name), body));
}

export function addEvent(words) {
  addLine(element("p", { className: "event", text: words }));
}

export function clearMessages() {
  atEnd = true;
  byId("messages").replaceChildren();
}

// Resolves to the reason, or to null when the moderator thinks better of it.
export function askForReason(player) {
  const dialog = byId("removal");
  byId("removal-title").textContent = `Remove ${player.name}?`;
  byId("reason").value = "";
  return new Promise((resolve) => {
    byId("removal-form").onsubmit = (event) => {
      event.preventDefault();
      dialog.close("remove");
    };
    byId("removal-cancel").onclick = () => dialog.close("cancel");
    dialog.returnValue = "";
    dialog.onclose = () => resolve(dialog.returnValue === "remove" ? byId("reason").value : null);
    dialog.showModal();
    byId("reason").focus();
  });
}
