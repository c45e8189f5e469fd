// What can be done with one message.

import { byId, modal } from "./dom.js";
import { rankOf } from "./people.js";

const dialog = byId("message-menu");

// Resolves to "mention", "whisper", "moderate", "copy", "delete" or "".
export function askWhat(line, chat) {
  const { from } = line;
  const isMine = from?.id === chat.me.id;
  const isRoom = chat.open.room !== null;
  const isBelow = chat.rank > rankOf(chat.open.members.get(from?.id) ?? {});
  byId("menu-title").textContent = isMine ? "Your message" : `Message from ${from?.name ?? "the lobby"}`;
  byId("menu-quote").textContent = line.text;
  byId("menu-mention").hidden = isMine || !isRoom || !from?.id;
  byId("menu-whisper").hidden = isMine || !isRoom || !from?.id;
  byId("menu-moderate").hidden = isMine || !isBelow || !from?.id;
  byId("menu-copy").hidden = !navigator.clipboard;
  byId("menu-delete").hidden = !isRoom || !(isMine || isBelow);
  return modal(dialog);
}

for (const what of ["mention", "whisper", "moderate", "copy", "delete"]) {
  byId(`menu-${what}`).addEventListener("click", () => dialog.close(what));
}
