// One line of a conversation: a message, something that happened, or what is on its way.

import { avatar, element, write } from "./dom.js";
import { isSame, pieces } from "./mentions.js";
import { secondsUntil, timeOf } from "./words.js";

// `names` may be mentioned, `me` is whoever reads, `act` has what can be done with a line.
export function makeLine(line, { me, names, act }) {
  if (line.kind === "day") return element("h3", { className: "day", text: line.text });
  // Not read aloud when it comes: there can be many.
  if (line.kind === "event") return element("p", { className: "event", text: line.text, aria: { live: "off" } });
  const isMine = line.kind === "outgoing" || line.from?.id === me.id;
  const from = line.kind === "outgoing" ? me : (line.from ?? { name: "The lobby" });
  const made = element("div", { className: "message", data: { state: line.state ?? "said" } });
  if (line.mid) made.dataset.mid = line.mid;
  made.classList.toggle("mine", isMine);
  made.classList.toggle("follows", Boolean(line.follows));
  made.append(avatar(from.id ?? from.name, from.name), body(line, from, { me, names }));
  if (line.state === "failed") made.append(failure(line, act));
  else if (line.kind === "message" && line.text !== null && line.from) made.append(more(line, act));
  return made;
}

function body(line, from, { me, names }) {
  const time = element("time", { dateTime: new Date(line.ts).toISOString(), text: timeOf(line.ts) });
  const author = element("span", { className: "author", text: from.name });
  const head = element("p", { className: "head" }, author, " ", time);
  const made = element("div", { className: "body" }, head);
  if (line.text === null) {
    made.append(element("p", { className: "words gone", text: "Message deleted" }));
    return made;
  }
  const words = element("p", { className: "words" });
  for (const { text, name } of pieces(line.text, [...names, me.name])) {
    if (name === undefined) words.append(text);
    else if (isSame(name, me.name)) words.append(element("mark", { text }));
    else words.append(element("span", { className: "mention", text }));
  }
  made.append(words);
  if (line.kind === "outgoing" && line.state === "pending") {
    made.append(element("p", { className: "sending" }));
  }
  return made;
}

// Why it was not sent, and what now.
function failure(line, act) {
  const again = element("button", { type: "button", className: "small again", text: "Send again" });
  const discard = element("button", { type: "button", className: "small quiet discard", text: "Discard" });
  again.addEventListener("click", () => act.sendAgain(line));
  discard.addEventListener("click", () => act.discard(line));
  return element("div", { className: "failure" },
    element("p", { className: "reason", text: `Not sent. ${line.reason}` }), again, discard);
}

// Whoever goes on too early waits longer, so "Send again" waits as well.
export function updateLine(made, line, isOnline) {
  if (line.state === "pending") {
    write(made.querySelector(".sending"), isOnline ? "Sending…" : "Waits for the connection");
  }
  if (line.state !== "failed") return;
  const seconds = line.retryAt ? secondsUntil(line.retryAt) : 0;
  const again = made.querySelector(".again");
  again.disabled = seconds > 0;
  write(again, seconds > 0 ? `Send again in ${seconds}\u00a0s` : "Send again");
}

function more(line, act) {
  const button = element("button", {
    type: "button", className: "more", text: "⋯", tabIndex: -1,
    aria: { label: `More about the message from ${line.from.name} at ${timeOf(line.ts)}`, haspopup: "dialog" },
  });
  button.addEventListener("click", () => act.openMenu(line));
  return button;
}
