// What the server does not keep and a reload would lose: whispers, and messages that were not sent.

import { drop, keep, read } from "./storage.js";

const STORED = "lobby-keepsakes";
// People whose whispers are kept, with the last so many of each; and messages.
const PEOPLE = 20;
const WHISPERS = 100;
const UNSENT = 20;

const UNSURE = "The page was closed before an answer came: it may have been said.";

export function keepKeepsakes(conversations) {
  const all = [...conversations];
  const whispers = all.filter(({ person }) => person).slice(-PEOPLE).map(({ person, lines, unread }) => ({
    person,
    unread,
    lines: lines.filter(({ kind }) => kind === "message").slice(-WHISPERS),
  }));
  const unsent = all.flatMap(({ room, person, outgoing }) => outgoing.map((line) => ({ room, person, line })));
  keep(STORED, { whispers, unsent: unsent.slice(-UNSENT) });
}

// `find` gives the conversation with somebody or in a room.
export function restoreKeepsakes(find) {
  const { whispers = [], unsent = [] } = read(STORED) ?? {};
  for (const { person, lines, unread } of whispers) find({ person }).restore(lines, unread);
  for (const { room, person, line } of unsent) {
    const { text, ts, reason = UNSURE } = line;
    const isUnsure = line.isUnsure ?? line.state === "pending";
    find({ room, person }).restoreOutgoing({ text, ts, reason, isUnsure });
  }
}

export const forgetKeepsakes = () => drop(STORED);
