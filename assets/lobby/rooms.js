// The list of rooms and whispers, with what is new in them.

import { avatar, byId, element, say, showAll, write } from "./dom.js";
import { roomTitle } from "./words.js";

// Rooms in the server's order, then rooms that are open here but not listed, then whispers.
function entries(chat) {
  const all = chat.offered.map(({ room, members }) => ({ room, members, key: `room:${room}` }));
  const listed = new Set(all.map(({ key }) => key));
  for (const { key, room, person } of chat.conversations.values()) {
    if (room !== null && !listed.has(key) && chat.wanted.has(room)) all.push({ room, key, members: null });
    if (person) all.push({ person, key });
  }
  return all.sort((a, b) => Boolean(a.person) - Boolean(b.person));
}

export function drawRooms(chat, { open }) {
  say("problem", chat.problem);
  showAll(byId("rooms"), entries(chat), {
    key: ({ key }) => key,
    make: ({ key, room, person }) => {
      const sign = element("span", { className: "sign", text: "#", aria: { hidden: "true" } });
      const mentioned = element("span", { className: "only-read-aloud", text: " you are mentioned" });
      const button = element("button", { type: "button", data: { conversation: key } },
        person ? avatar(person.id, person.name) : sign,
        element("span", { className: "place" },
          element("span", { className: "only-read-aloud", text: person ? "Whispers with " : "Room " }),
          person ? person.name : roomTitle(room), " ",
          element("span", { className: "size" })),
        element("span", { className: "mark at", text: "@", hidden: true }, mentioned),
        element("span", { className: "mark unread", hidden: true }));
      button.addEventListener("click", () => open({ room, person }));
      return element("li", {}, button);
    },
    update: (row, entry) => drawEntry(chat, row.firstElementChild, entry),
  });
  const elsewhere = [...chat.conversations.values()].filter((other) => other !== chat.open);
  drawUnread(byId("elsewhere"), unreadIn(elsewhere));
}

const unreadIn = (conversations) => conversations.reduce((sum, { unread }) => sum + unread, 0);

function drawEntry(chat, button, { key, person, members }) {
  const conversation = chat.conversations.get(key);
  const isIn = Boolean(person) || Boolean(conversation?.isJoined);
  const isOpen = chat.open.key === key;
  if (isOpen) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  button.dataset.joined = String(isIn);
  const size = button.querySelector(".size");
  const count = members === null || members === undefined ? "" : ` (${members} in)`;
  write(size, isIn ? "" : `Join${count}`);
  button.querySelector(".at").hidden = !conversation?.isMentioned;
  drawUnread(button.querySelector(".unread"), conversation?.unread ?? 0);
}

function drawUnread(mark, count) {
  if (mark.dataset.count === String(count)) return;
  mark.dataset.count = count;
  mark.hidden = count === 0;
  const unread = element("span", { className: "only-read-aloud", text: " unread" });
  mark.replaceChildren(count > 99 ? "99+" : String(count), unread);
}

// What is new stands before the title of the page.
export function drawTitle(chat) {
  const unread = unreadIn([...(chat?.conversations.values() ?? [])]);
  document.title = unread > 0 ? `(${unread}) Lobby` : "Lobby";
}

// The head of the open conversation.
export function drawHead(chat) {
  const { room, person, rules, isJoined } = chat.open;
  write(byId("room-title"), person ? `Whispers with ${person.name}` : roomTitle(room));
  byId("frozen-badge").hidden = !rules.frozen;
  say("slow-badge", rules.slow_ms > 0 ? `Slow mode ${Math.ceil(rules.slow_ms / 1000)}\u00a0s` : null);
  const leave = byId("leave");
  leave.hidden = !person && (!isJoined || chat.wanted.size < 2);
  write(leave, person ? "Close" : "Leave");
  write(byId("typing"), typingWords(chat.open.writers()));
}

function typingWords(names) {
  if (names.length === 0) return "";
  if (names.length > 3) return "Several people are writing…";
  return `${names.join(", ")} ${names.length > 1 ? "are" : "is"} writing…`;
}
