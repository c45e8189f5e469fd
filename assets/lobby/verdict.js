// What the end of a connection means: { next, words, after?, moved? }, where next is "reconnect"
// (back off first), "renew" (get a new token once) or "stop" (until the user acts). `moved` says
// that the door may be at another address now.

import { Problem, request } from "./api.js";

const WORDS = {
  1001: "The server is restarting.",
  1011: "The server had a problem.",
  4000: "The server is about to restart.",
  4001: "Your connection was too slow.",
  4002: "Your connection went silent.",
  4003: "Your browser sent too much at once.",
  4004: "You were sent out of the lobby",
  4006: "The server is very busy.",
  4100: "Your log-in is over. Please log in again.",
  4101: "A moderator removed you from the lobby",
  4403: "You are banned from the lobby",
  4404: "This account does not exist any more.",
  4409: "You opened the lobby somewhere else, so this page stepped aside.",
  4410: "The new log-in belongs to somebody else.",
};

// The server's words for the player stand after the code word: "kicked: be nice".
function closeWords(code, reason) {
  const words = WORDS[code] ?? "The connection was lost.";
  if (words.endsWith(".")) return words;
  const separator = reason.indexOf(": ");
  return separator < 0 ? `${words}.` : sentence(`${words}: ${reason.slice(separator + 2)}`);
}

// A server that drains gives each of its players another time: "draining: come back in 3200 ms".
function comeBackAfter(code, reason) {
  const time = code === 4000 && /: come back in (\d{1,7}) ms$/.exec(reason);
  return time ? Number(time[1]) : 0;
}

// After a Close frame, or after the line broke.
export function afterClose(code, reason) {
  const words = closeWords(code, reason);
  if (code >= 4100 && code < 4200) return { next: "renew", words };
  if (code >= 4400 && code < 4500) return { next: "stop", words };
  if ([1002, 1003, 1007, 1009, 1010].includes(code)) return { next: "stop", words };
  return { next: "reconnect", words, after: comeBackAfter(code, reason) };
}

// After a refused upgrade. The browser only says 1006, so the door is asked again in plain HTTP.
export async function afterRefusal(wsUrl, token) {
  const url = new URL(wsUrl);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  try {
    await request(`${url}/preflight`, { token });
    return { next: "reconnect", words: "The connection could not be made." };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return refusal(problem);
  }
}

function refusal({ status, message, retryAfter }) {
  const words = sentence(message);
  if (status === 401) return { next: "renew", words: "Your log-in is not accepted any more." };
  if (status === 409) return { next: "stop", words: "You are in the lobby somewhere else already." };
  if (status === 0 || status === 408 || status === 429 || status >= 500) {
    return { next: "reconnect", words, after: retryAfter, moved: status === 0 };
  }
  return { next: "stop", words };
}

function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
