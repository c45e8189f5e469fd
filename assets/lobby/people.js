// Who is in the room.

import { avatar, byId, element, showAll, write } from "./dom.js";
import { roomTitle } from "./words.js";

export const rankOf = ({ roles = [] }) => (roles.includes("admin") ? 2 : Number(roles.includes("moderator")));

const RANKS = ["", "Moderator", "Admin"];

// Me first, then by name.
function sorted(members, me) {
  return [...members.values()].sort((a, b) => (b.id === me.id) - (a.id === me.id) || a.name.localeCompare(b.name));
}

export function drawPeople(chat, { whisper, moderate }) {
  const { members, room } = chat.lastRoom;
  const people = chat.isOnline ? sorted(members, chat.me) : [];
  byId("players-unknown").hidden = chat.isOnline;
  write(byId("player-count"), chat.isOnline ? String(people.length) : "");
  byId("players").setAttribute("aria-label", `People in ${roomTitle(room)}`);
  const mayModerate = (user) => chat.rank > rankOf(user);
  showAll(byId("players"), people, {
    key: ({ id }) => id,
    version: (user) => `${user.name} ${rankOf(user)} ${mayModerate(user)}`,
    make: (user) => row(user, chat.me, { whisper, moderate: mayModerate(user) && user.id !== chat.me.id ? moderate : null }),
  });
}

function row(user, me, { whisper, moderate }) {
  const face = [avatar(user.id, user.name), element("span", { className: "person", text: user.name })];
  const isMe = user.id === me.id;
  const made = element("li", { data: { user: user.id } });
  if (isMe) {
    made.append(element("span", { className: "face" }, ...face));
  } else {
    const label = `Whisper to ${user.name}`;
    const button = element("button", { type: "button", className: "face whisper", title: label, aria: { label } }, ...face);
    button.addEventListener("click", () => whisper(user));
    made.append(button);
  }
  if (rankOf(user)) made.append(element("span", { className: "badge", text: RANKS[rankOf(user)] }));
  if (isMe) made.append(element("span", { className: "badge plain", text: "You" }));
  if (moderate) {
    const label = `Moderate ${user.name}`;
    const open = element("button", { type: "button", className: "moderate", text: "⋯", title: label, aria: { label, haspopup: "dialog" } });
    open.addEventListener("click", () => moderate(user));
    made.append(open);
  }
  return made;
}
