// How it ended, when the page does not come back by itself: what is said, and what can be done.

import { causeWords, duration, secondsUntil, whenOf } from "./words.js";

export const isKick = ({ cause }) => cause?.close === 4004;
export const isLoggedOut = ({ why }) => why === "unauthorized";
const isBan = ({ why }) => why === "banned";
const isLock = ({ cause }) => cause.code === "locked";

const KINDS = [
  [isKick, { title: "You were sent out", action: "Come back" }],
  [isBan, { title: "You are banned", action: "Try again" }],
  [isLock, { title: "Your account is locked", action: "Try again" }],
  [isLoggedOut, { title: "You are logged out", action: "Log in again" }],
  [({ cause }) => cause.close === 4409, { title: "The lobby is open somewhere else", action: "Use it here" }],
  [() => true, { title: "You are not in the lobby", action: "Try again" }],
];

// `state` is the connection's, `refusal` what the log-in service said.
export function endingOf(state, refusal) {
  const [, { title, action }] = KINDS.find(([fits]) => fits(state));
  const ending = { title, action, words: causeWords(state.cause, refusal), end: "", left: "" };
  return isBan(state) ? { ...ending, ...endOfBan(state, refusal) } : ending;
}

// Nothing is said until somebody has told whether there is an end.
function endOfBan(state, refusal) {
  const until = state.until ?? refusal?.until;
  if (until === undefined) {
    return refusal?.code === "banned" ? { end: "The ban has no end: a moderator has to let you back in." } : {};
  }
  const seconds = secondsUntil(until);
  if (seconds === 0) return { end: "The ban is over.", action: "Come back" };
  return { end: `The ban ends ${whenOf(until)}.`, left: `${duration(seconds)} left` };
}
