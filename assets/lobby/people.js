// Who is in the room.

import { avatar, byId, element, showAll, write } from "./dom.js";
import { roomTitle } from "./words.js";

// A member of a room has a rank, a user has roles.
export const rankOf = ({ rank, roles = [] }) =>
  rank ?? (roles.includes("admin") ? 2 : Number(roles.includes("moderator")));

const RANKS = ["", "Moderator", "Admin"];

// Me first, then by name.
function sorted(members, me) {
  const isMe = ({ id }) => Number(id === me.id);
  return [...members.values()].sort((a, b) => isMe(b) - isMe(a) || a.name.localeCompare(b.name));
}

export function drawPeople(chat, { whisper, moderate }) {
  const { members, room } = chat.lastRoom;
  const people = chat.isOnline ? sorted(members, chat.me) : [];
  byId("players-unknown").hidden = chat.isOnline;
  write(byId("player-count"), chat.isOnline ? String(people.length) : "");
  byId("players").setAttribute("aria-label", `People in ${roomTitle(room)}`);
  const mayModerate = (user) => user.id !== chat.me.id && chat.rank > rankOf(user);
  showAll(byId("players"), people, {
    key: ({ id }) => id,
    version: (user) => `${user.name} ${rankOf(user)} ${mayModerate(user)}`,
    make: (user) => row(user, chat.me, { whisper, moderate: mayModerate(user) ? moderate : null }),
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
    const looks = { className: "face whisper", title: label, aria: { label } };
    const button = element("button", { type: "button", ...looks }, ...face);
    button.addEventListener("click", () => whisper(user));
    made.append(button);
  }
  const badges = element("span", { className: "badges" });
  if (rankOf(user)) badges.append(element("span", { className: "badge", text: RANKS[rankOf(user)] }));
  if (isMe) badges.append(element("span", { className: "badge plain", text: "You" }));
  made.append(badges);
  if (moderate) {
    const label = `Moderate ${user.name}`;
    const looks = { className: "moderate", text: "⋯", title: label, aria: { label, haspopup: "dialog" } };
    const open = element("button", { type: "button", ...looks });
    open.addEventListener("click", () => moderate(user));
    made.append(open);
  }
  return made;
}
