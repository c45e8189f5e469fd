// What the house says, and the game's characters. No player can look like this, whatever their name is.

import { element } from "./dom.js";
import { timeOf } from "./words.js";

// What stands beside the name.
const LABELS = { announcement: "Announcement", character: "Game", notice: "Only you see this" };

// `words` is the text, `more` opens the menu.
export function makeHouseLine({ kind, mid, from, text, tone, ts }, { words, more }) {
  const what = kind === "notice" ? "notice" : from ? "character" : "announcement";
  const made = element("div", { className: "house", data: { what, tone: tone ?? "info" } });
  if (mid) made.dataset.mid = mid;
  const head = element("p", { className: "head" },
    element("img", { className: "sign", src: "/favicon.svg", alt: "", width: 16, height: 16 }),
    element("span", { className: "author", text: from?.name ?? "The lobby" }), " ",
    element("span", { className: "badge plain", text: LABELS[what] }), " ",
    element("time", { dateTime: new Date(ts).toISOString(), text: timeOf(ts) }));
  made.append(element("div", { className: "body" }, head, words));
  if (kind === "message" && text !== null) made.append(more);
  return made;
}
