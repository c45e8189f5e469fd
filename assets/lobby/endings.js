// How it ended, when the page does not come back by itself: what is said, and what can be done.

import { causeWords, duration, secondsUntil, whenOf } from "./words.js";

export const isKick = (cause) => cause?.close === 4004;
export const isBan = (cause) => cause?.close === 4403 || cause?.code === "banned";

// What another log-in mends.
export function isLoggedOut(cause) {
  const isAboutToken = cause?.close >= 4100 && cause?.close < 4200;
  return cause?.status === 401 || (isAboutToken && cause.status === undefined);
}

const isLock = (cause) => cause?.code === "revoked" || cause?.code === "locked";

const KINDS = [
  [isKick, { title: "You were sent out", action: "Come back" }],
  [isBan, { title: "You are banned", action: "Try again" }],
  [isLock, { title: "Your account is locked", action: "Try again" }],
  [isLoggedOut, { title: "You are logged out", action: "Log in again" }],
  [(cause) => cause?.close === 4409, { title: "The lobby is open somewhere else", action: "Use it here" }],
  [() => true, { title: "You are not in the lobby", action: "Try again" }],
];

// `refusal` is what the log-in service said, `ban` is { until } when the door has told whether the ban has an end.
export function endingOf(cause, { refusal, ban }) {
  const [, { title, action }] = KINDS.find(([fits]) => fits(cause));
  const ending = { title, action, words: causeWords(cause, refusal), end: "", left: "" };
  return isBan(cause) && ban ? { ...ending, ...banEnd(ban) } : ending;
}

function banEnd({ until }) {
  if (until === null) return { end: "The ban has no end: a moderator has to let you back in.", left: "" };
  const seconds = secondsUntil(until);
  if (seconds === 0) return { end: "The ban is over.", action: "Come back" };
  return { end: `The ban ends ${whenOf(until)}.`, left: `${duration(seconds)} left` };
}
