// The messages of the open conversation: scrolling, older ones, days, what is new.

import { byId, say, showAll, write } from "./dom.js";
import { makeLine, updateLine } from "./line.js";
import { dayOf } from "./words.js";

// As near to an end as this many pixels counts as being there.
const NEAR = 80;
const OLDER_NEAR = 120;
const FRESH_GAP = 12;
// One person's messages within this time stand together.
const TOGETHER_MS = 5 * 60_000;
// For so long after many lines came at once nothing is read aloud.
const QUIET_MS = 400;

const list = byId("messages");
const lines = byId("lines");
let chat = null;
let shown = null;
let oldest = null;
// Whether the newest line is in sight; it stays so when lines come and when the window changes.
let atEnd = true;
let quiet = 0;
// Of all lines, when they were drawn last.
let height = 0;
// Of the window onto them, when it was looked at last.
let seenHeight = 0;

// With what separates the days and what is new, and those that follow a message of the same person marked.
function withMarks(conversation) {
  const all = [];
  let day = "";
  let days = 0;
  let last = null;
  for (const line of [...conversation.lines, ...conversation.outgoing]) {
    const now = dayOf(line.ts);
    // Numbered, because the clocks of the server and of this page may differ around midnight.
    if (now !== day) all.push({ kind: "day", key: `day ${now} ${days++}`, text: now, ts: line.ts });
    const author = authorOf(line);
    const isClose = author !== null && author === last?.author && line.ts - last.ts < TOGETHER_MS;
    const isFresh = line.key === conversation.fresh?.key;
    if (isFresh) all.push(freshMark(conversation.fresh, line));
    line.follows = now === day && isClose && !isFresh;
    last = author === null ? null : { author, ts: line.ts };
    day = now;
    all.push(line);
  }
  return all;
}

function freshMark({ count }, { key, ts }) {
  return { kind: "fresh", key: `fresh ${key}`, text: count > 1 ? `${count} new messages` : "1 new message", ts };
}

// Null for what no player said.
const authorOf = ({ kind, from }) => (kind === "outgoing" ? chat.me.id : (from?.id ?? null));

const version = ({ kind, text, state, follows }) => `${state} ${text === null} ${follows} ${kind === "fresh" ? text : ""}`;

export function drawLog(now, act) {
  chat = now;
  const conversation = chat.open;
  const all = withMarks(conversation);
  const isOther = shown !== conversation.key;
  if (isOther || conversation.lines.findIndex(({ key }) => key === oldest) > 0) hush();
  if (isOther) {
    lines.replaceChildren();
    atEnd = true;
  }
  const before = atEnd ? null : inSight();
  showAll(lines, all, {
    key: ({ key }) => key,
    version,
    make: (line) => makeLine(line, { me: chat.me, act }),
    update: (made, line) => updateLine(made, line, chat.isOnline),
  });
  drawBeginning(conversation);
  rove();
  // Only when there is more: whoever scrolls a little is not pulled back each second.
  if (!atEnd) scrollBack(before);
  else if (isOther || list.scrollHeight !== height) goToEnd();
  height = list.scrollHeight;
  shown = conversation.key;
  oldest = conversation.lines[0]?.key;
  if (isOther) showFresh();
  drawNewest();
}

function goToEnd() {
  list.scrollTop = list.scrollHeight;
}

// What is new begins in sight.
export function showFresh() {
  const mark = lines.querySelector(":scope > .fresh");
  const above = mark ? list.getBoundingClientRect().top - mark.getBoundingClientRect().top : 0;
  if (above <= 0) return;
  list.scrollTop -= above + FRESH_GAP;
  look();
}

function drawBeginning(conversation) {
  const isRoom = conversation.room !== null;
  const isEmpty = !conversation.lines.some(({ kind }) => kind === "message");
  const words = isRoom ? "Nothing older is kept." : "Only you two read this. It is forgotten when you log out.";
  const blank = isRoom && conversation.isLoaded ? "Nobody has said anything yet." : "";
  const isWhole = !conversation.more && (conversation.isLoaded || !isRoom);
  say("beginning", isEmpty && isRoom ? blank : isWhole && words);
  const button = byId("older");
  if (!conversation.more && button === document.activeElement) list.focus();
  button.hidden = !conversation.more;
  button.disabled = !chat.isOnline;
  button.setAttribute("aria-busy", String(conversation.isLoadingOlder));
  write(button, conversation.isLoadingOlder ? "Loading…" : "Load older messages");
}

function hush() {
  list.setAttribute("aria-live", "off");
  clearTimeout(quiet);
  quiet = setTimeout(() => list.setAttribute("aria-live", "polite"), QUIET_MS);
}

// Where the lines are that are being read: [key, bottom]. A day begins earlier when older ones come.
function inSight() {
  const { top, bottom } = list.getBoundingClientRect();
  return [...lines.querySelectorAll(":scope > :not(.day)")]
    .map((line) => [line.dataset.key, line.getBoundingClientRect()])
    .filter(([, box]) => box.bottom > top && box.top < bottom)
    .map(([key, box]) => [key, box.bottom]);
}

// The first of them that is still there comes to where it was.
function scrollBack(before) {
  const now = new Map([...lines.children].map((line) => [line.dataset.key, line]));
  const [key, bottom] = before.find(([key]) => now.has(key)) ?? [];
  if (key) list.scrollTop += now.get(key).getBoundingClientRect().bottom - bottom;
}

// Where the reader is. It is the reader who goes from there: a window that becomes smaller, or a line that comes, does
// not change it.
function look() {
  atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
  drawNewest();
}

function drawNewest() {
  byId("newest").hidden = atEnd;
  if (!chat) return;
  const { open } = chat;
  open.isReading = !atEnd;
  const count = open.unread > 1 ? `${open.unread} new messages` : "1 new message";
  write(byId("newest"), open.unread > 0 ? `${count} ↓` : "To the newest messages ↓");
  if (atEnd && open.unread > 0 && !document.hidden) chat.seen();
}

// One stop for the Tab key among the messages; the arrows go from one to the next.
function rove() {
  const buttons = [...lines.querySelectorAll(".more")];
  const current = buttons.find((button) => button === document.activeElement) ?? buttons.at(-1);
  for (const button of buttons) button.tabIndex = button === current ? 0 : -1;
}

lines.addEventListener("keydown", (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || !event.target.matches(".more")) return;
  const buttons = [...lines.querySelectorAll(".more")];
  const next = buttons[buttons.indexOf(event.target) + step];
  event.preventDefault();
  next?.focus();
  rove();
});

list.addEventListener("scroll", () => {
  // Not because the window has become smaller.
  if (list.clientHeight === seenHeight) look();
  if (chat && !atEnd && list.scrollTop < OLDER_NEAR) chat.loadOlder(chat.open);
});
byId("older").addEventListener("click", () => {
  atEnd = false;
  chat.loadOlder(chat.open);
});
byId("newest").addEventListener("click", () => {
  goToEnd();
  list.focus();
});
new ResizeObserver(() => {
  seenHeight = list.clientHeight;
  if (atEnd) goToEnd();
}).observe(list);

export function toEnd() {
  atEnd = true;
  goToEnd();
}

export function clearLog() {
  lines.replaceChildren();
  chat = null;
  shown = null;
}
