// Writing: what may be sent now, and why not.

import { understand } from "./commands.js";
import { watchCompletion } from "./completion.js";
import { drawCounter } from "./counter.js";
import { byId, say, write } from "./dom.js";
import { draftOf, forgetDrafts, keepDraft } from "./drafts.js";
import { quoted } from "./mentions.js";
import { watchRecall } from "./recall.js";
import { clock, duration, roomTitle, secondsUntil, whenOf } from "./words.js";

const field = byId("text");
const button = byId("send");
// Fingers have no Shift key beside Enter: there it begins a new line, and the button sends.
const hasKeys = !matchMedia("(pointer: coarse)").matches;
let chat = null;
let shown = null;
// Whether the field had the focus when it was taken from whoever is muted.
let hadFocus = false;

export function drawComposer(now) {
  chat = now;
  const { room, person, key, rules, isJoined } = chat.open;
  if (shown !== key) changeDraft(key);
  const mute = chat.speech.muted(room);
  const frozen = rules.frozen && chat.rank === 0;
  const pause = chat.speech.pause(room);
  drawMute(mute);
  byId("frozen").hidden = !frozen;
  const slow = rules.slow_ms > 0 && chat.rank === 0;
  const slowWords = `Slow mode: one message every ${duration(Math.ceil(rules.slow_ms / 1000))}.`;
  const pace = pause?.why === "rate" ? "You are writing too fast." : slowWords;
  say("pace", (pause || slow) && !mute && !frozen ? pace : null);

  setDisabled(Boolean(mute) || frozen);
  field.placeholder = person ? `Whisper to ${person.name}` : `Write in ${roomTitle(room)}`;
  // While the connection is on its way back, messages wait for it.
  const isOut = chat.state.name === "stopped" || chat.state.name === "closed";
  const isTooLong = drawCounter(textToSend(), chat.limits);
  button.disabled = isOut || !(isJoined || person) || field.disabled || Boolean(pause) || isTooLong;
  write(button, pause && !field.disabled ? `Wait ${secondsUntil(pause.until)}\u00a0s` : "Send");
}

// What would be said.
function textToSend() {
  const { say: said, whisper } = understand(field.value, chat.people());
  return said ?? whisper ?? field.value.trim();
}

function changeDraft(key) {
  shown = key;
  say("composer-error", null);
  field.value = draftOf(key);
  fit();
}

// Whoever listens hears until when; the seconds are only seen.
function drawMute(mute) {
  byId("muted").hidden = !mute;
  if (!mute) return write(byId("muted-words"), "");
  const where = mute.everywhere ? "everywhere" : "in this room";
  const why = mute.reason ? ` Reason: ${mute.reason}` : "";
  write(byId("muted-words"), `You are muted ${where}. It ends ${whenOf(mute.until)}.${why}`);
  write(byId("muted-left"), `${clock(secondsUntil(mute.until))} left`);
}

function setDisabled(disabled) {
  if (field.disabled === disabled) return;
  if (disabled) hadFocus = document.activeElement === field;
  field.disabled = disabled;
  if (!disabled && hadFocus && document.activeElement === document.body) field.focus();
}

// As high as what is written: see the style.
function fit() {
  byId("grow").dataset.text = field.value;
}

function changed() {
  say("composer-error", null);
  fit();
  if (shown !== null) keepDraft(shown, field.value);
  if (chat) drawComposer(chat);
}

function put(text) {
  field.value = text;
  field.setSelectionRange(text.length, text.length);
  changed();
}

// Begins a mention in what is being written.
export function mention(name) {
  const gap = field.value && !field.value.endsWith(" ") ? " " : "";
  put(`${field.value}${gap}@${quoted(name)} `);
  field.focus();
}

// A text to be written anew, before what is being written.
export function edit(text) {
  put(field.value.trim() ? `${text}\n${field.value}` : text);
  field.focus();
}

export function clearComposer() {
  chat = null;
  shown = null;
  forgetDrafts();
  put("");
}

// `send` gets what to do with each text, and answers with what is wrong with it, if something is.
export function watchComposer(send) {
  watchCompletion(field, {
    members: () => [...(chat?.open.members.values() ?? [])].filter(({ id }) => id !== chat.me.id),
    people: () => chat?.people() ?? [],
  });
  watchRecall(field, () => chat?.open.recalled(chat.me) ?? [], put);
  field.enterKeyHint = hasKeys ? "send" : "enter";
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.value.trim() || button.disabled) return;
    const problem = send(understand(field.value, chat.people()));
    if (!problem) put("");
    say("composer-error", problem);
    field.focus();
  });
  field.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.key !== "Enter") return;
    if (event.shiftKey || !hasKeys) return;
    event.preventDefault();
    byId("composer").requestSubmit();
  });
  field.addEventListener("input", () => {
    changed();
    const isSaid = field.value.trim() && !field.value.startsWith("/");
    if (chat?.isOnline && chat.open.room !== null && isSaid) chat.bouncer.typing(chat.open.room);
  });
}
