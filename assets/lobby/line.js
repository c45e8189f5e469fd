// One line of a conversation: a message, something that happened, or what is on its way.

import { actionIn, plain } from "./commands.js";
import { avatar, element, write } from "./dom.js";
import { makeHouseLine } from "./house.js";
import { isSame } from "./mentions.js";
import { pieces } from "./pieces.js";
import { fullTimeOf, secondsUntil, timeOf } from "./words.js";

// `me` is whoever reads, `act` has what can be done with a line.
export function makeLine(line, { me, act }) {
  if (line.kind === "day") return element("h3", { className: "day", text: line.text });
  if (line.kind === "fresh") return element("p", { className: "fresh", text: line.text, aria: { live: "off" } });
  // Not read aloud when it comes: there can be many.
  if (line.kind === "event") return element("p", { className: "event", text: line.text, aria: { live: "off" } });
  const isOutgoing = line.kind === "outgoing";
  if (!isOutgoing && !line.from?.id) return makeHouseLine(line, { words: words(line, me), more: more(line, act) });
  const from = isOutgoing ? me : line.from;
  const made = element("div", { className: "message", data: { state: line.state ?? "said" } });
  if (line.mid) made.dataset.mid = line.mid;
  made.classList.toggle("mine", from.id === me.id);
  made.classList.toggle("follows", Boolean(line.follows));
  made.append(avatar(from.id, from.name), body(line, from, me));
  if (line.state === "failed") made.append(failure(line, act));
  else if (!isOutgoing && line.text !== null) made.append(more(line, act));
  return made;
}

function body(line, from, me) {
  const head = element("p", { className: "head" }, element("span", { className: "author", text: from.name }), " ", time(line));
  const made = element("div", { className: "body", title: fullTimeOf(line.ts) }, head, words(line, me));
  if (line.state === "pending") made.append(element("p", { className: "sending" }));
  if (line.kind === "message" && from.id === me.id) made.append(element("span", { className: "keeping", role: "img" }));
  return made;
}

const time = ({ ts }) =>
  element("time", { dateTime: new Date(ts).toISOString(), text: timeOf(ts) });

function words({ text, from }, me) {
  if (text === null) return element("p", { className: "words gone", text: "Message deleted" });
  const action = actionIn(text);
  const made = element("p", { className: action === null ? "words" : "words action" });
  if (action !== null) made.append(`${(from ?? me).name} `);
  made.append(...pieces(action ?? plain(text)).map((piece) => node(piece, me)));
  return made;
}

// Links open elsewhere, and do not tell from where.
function node({ text, name, href }, me) {
  if (href) return element("a", { text, href, target: "_blank", rel: "noopener noreferrer nofollow" });
  if (name === undefined) return text;
  return isSame(name, me.name) ? element("mark", { text }) : element("span", { className: "mention", text });
}

// Why it was not sent, and what now.
function failure(line, act) {
  const button = (name, text, does) => {
    const made = element("button", { type: "button", className: `small quiet ${name}`, text });
    made.addEventListener("click", () => does(line));
    return made;
  };
  return element("div", { className: "failure" },
    element("p", { className: "reason", text: `Not sent. ${line.reason}` }),
    button("again", "Send again", act.sendAgain),
    button("edit", "Edit", act.edit),
    button("discard", "Discard", act.discard));
}

const KEEPING = {
  said: ["✓", "Said, not stored yet"],
  stored: ["✓✓", "Said and stored"],
};

// Whoever goes on too early waits longer, so "Send again" waits as well.
export function updateLine(made, line, isOnline) {
  if (line.state === "pending") {
    write(made.querySelector(".sending"), isOnline ? "Sending…" : "Waits for the connection");
  }
  const keeping = made.querySelector(".keeping");
  if (keeping) drawKeeping(keeping, line.keeping);
  if (line.state !== "failed") return;
  const seconds = line.retryAt ? secondsUntil(line.retryAt) : 0;
  const again = made.querySelector(".again");
  again.disabled = seconds > 0;
  write(again, seconds > 0 ? `Send again in ${seconds}\u00a0s` : "Send again");
}

// Where nothing is stored, nothing is said of it.
function drawKeeping(mark, keeping) {
  const [sign, title] = KEEPING[keeping] ?? ["", ""];
  mark.hidden = !sign;
  mark.dataset.keeping = keeping ?? "";
  write(mark, sign);
  mark.title = title;
  mark.setAttribute("aria-label", title);
}

function more(line, act) {
  const who = line.from?.name ?? "the lobby";
  const button = element("button", {
    type: "button", className: "more", text: "⋯", tabIndex: -1,
    aria: { label: `More about the message from ${who} at ${timeOf(line.ts)}`, haspopup: "dialog" },
  });
  button.addEventListener("click", () => act.openMenu(line));
  return button;
}
