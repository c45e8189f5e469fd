// Writing: what may be sent now, and why not.

import { watchCompletion } from "./completion.js";
import { byId, say, write } from "./dom.js";
import { clock, duration, roomTitle, secondsUntil, whenOf } from "./words.js";

const field = byId("text");
const button = byId("send");
let chat = null;
let shown = null;
// What is half written in other conversations.
const drafts = new Map();
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
  field.maxLength = chat.limits.text_length;
  field.placeholder = person ? `Whisper to ${person.name}` : `Write in ${roomTitle(room)}`;
  // While the connection is on its way back, messages wait for it.
  const isOut = chat.state.name === "stopped" || chat.state.name === "closed";
  button.disabled = isOut || !(isJoined || person) || field.disabled || Boolean(pause);
  write(button, pause && !field.disabled ? `Wait ${secondsUntil(pause.until)}\u00a0s` : "Send");
}

function changeDraft(key) {
  if (shown !== null) drafts.set(shown, field.value);
  field.value = drafts.get(key) ?? "";
  shown = key;
}

// Whoever listens hears until when; the seconds are only seen.
function drawMute(mute) {
  byId("muted").hidden = !mute;
  if (!mute) return write(byId("muted-words"), "");
  const where = mute.everywhere ? "everywhere" : "in this room";
  const why = mute.reason ? ` Reason: ${mute.reason}` : "";
  write(byId("muted-words"), `You are muted ${where} until ${whenOf(mute.until)}.${why}`);
  write(byId("muted-left"), `${clock(secondsUntil(mute.until))} left`);
}

function setDisabled(disabled) {
  if (field.disabled === disabled) return;
  if (disabled) hadFocus = document.activeElement === field;
  field.disabled = disabled;
  if (!disabled && hadFocus && document.activeElement === document.body) field.focus();
}

// Begins a mention in what is being written.
export function mention(name) {
  const gap = field.value && !field.value.endsWith(" ") ? " " : "";
  field.value += `${gap}@${name} `;
  field.focus();
}

export function clearComposer() {
  field.value = "";
  drafts.clear();
  chat = null;
  shown = null;
}

// `send` gets each text.
export function watchComposer(send) {
  watchCompletion(field, () => [...(chat?.open.members.values() ?? [])].filter(({ id }) => id !== chat.me.id));
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text || button.disabled) return;
    field.value = "";
    field.focus();
    send(text);
  });
  field.addEventListener("input", () => {
    if (chat?.isOnline && chat.open.room !== null && field.value.trim()) chat.bouncer.typing(chat.open.room);
  });
}
