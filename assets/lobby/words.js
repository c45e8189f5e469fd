// What people read when the connection ends, when something is refused, and about time.

// Those that a moderator sent out read why.
const SENT_OUT = {
  4004: "You were sent out of the lobby",
  4101: "A moderator ended your log-in",
  4403: "You are banned from the lobby",
};

const ENDS = {
  1001: "The server is restarting.",
  1011: "The server had a problem.",
  4000: "The server is about to restart.",
  4001: "Your connection was too slow.",
  4002: "Your connection went silent.",
  4003: "Your browser sent too much at once.",
  4006: "The server is very busy.",
  4100: "Your log-in is over. Please log in again.",
  4400: "The server did not understand this page. Please reload it.",
  4404: "This account does not exist any more.",
  4409: "You opened the lobby somewhere else, so this page stepped aside.",
  4410: "The new log-in belongs to somebody else.",
  4411: "That was it for now.",
};

const DOORS = {
  0: "The server cannot be reached.",
  401: "Your log-in is not accepted any more.",
  409: "You are in the lobby somewhere else already.",
};

// Close codes for those who only know the word.
const CODES = { kicked: 4004, token_revoked: 4101, revoked: 4101, banned: 4403, replaced: 4409 };

// Why there is no connection. `refusal` is what the log-in service said when it gave no new token.
export function causeWords({ close, status, code, words }, refusal) {
  const end = close ?? CODES[code];
  const sentOut = SENT_OUT[end];
  if (sentOut) {
    if (close && words && !words.startsWith(sentOut)) return sentence(`${sentOut}: ${words}`);
    return refusal?.message ?? (words.startsWith(sentOut) ? sentence(words) : `${sentOut}.`);
  }
  const isAboutToken = status === 401 || (end >= 4100 && end < 4200);
  if (isAboutToken && refusal) return refusal.message;
  if (ENDS[end]) return ENDS[end];
  if (status !== undefined) return DOORS[status] ?? sentence(words || "The connection could not be made");
  if (code === "silent") return "The server went silent.";
  return "The connection was lost.";
}

const REFUSALS = {
  bad_request: "The server did not understand this.",
  unknown_room: "This room is not open to you.",
  not_in_room: "You are not in this room.",
  full: "There is no more room in there.",
  forbidden: "You are not allowed to do this.",
  unknown_user: "There is nobody of this name here.",
  unknown_message: "This message is not there any more.",
  empty_text: "There is nothing in this message.",
  text_too_long: "This message is too long, or has too many lines.",
  forbidden_characters: "This message has characters that are not allowed.",
  rate_limited: "You are writing too fast.",
  muted: "You are muted.",
  slow_mode: "This room is in slow mode.",
  frozen: "This room is frozen.",
  refused: "The lobby's rules do not allow this.",
  unavailable: "The server cannot check messages right now.",
  not_stored: "It holds, but could not be stored yet. The server goes on trying.",
  closed: "There is no connection.",
  too_many_unanswered: "Too many messages are waiting for the connection.",
};

// Why a request was not done.
export const refusalWords = (error) =>
  REFUSALS[error.code] ?? error.message ?? "The server did not accept this.";

// Why a log-in was refused, with the end of a ban.
export function refusedLogIn({ code, message, until }) {
  if (code !== "banned" || !until) return message;
  return `${sentence(message)} The ban ends ${whenOf(until)}.`;
}

export function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

// Rooms have plain names: "looking for group".
export const roomTitle = (room) => room.charAt(0).toUpperCase() + room.slice(1);

export const secondsUntil = (until) => Math.max(0, Math.ceil((until - Date.now()) / 1000));

// 59 → "0:59", 4000 → "1:06:40".
export function clock(seconds) {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// 90 → "2 min". Rounded, for lists.
export function duration(seconds) {
  const units = [[86_400, "d"], [3_600, "h"], [60, "min"]];
  for (const [size, name] of units) {
    if (seconds >= size) return `${Math.round(seconds / size)}\u00a0${name}`;
  }
  return `${seconds}\u00a0s`;
}

export const timeOf = (ts) => new Date(ts).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export const fullTimeOf = (ts) => new Date(ts).toLocaleString([], { dateStyle: "full", timeStyle: "medium" });

// "at 10:30", with the day unless that is today.
export function whenOf(ts) {
  const isToday = new Date(ts).toDateString() === new Date().toDateString();
  return isToday ? `at ${timeOf(ts)}` : `on ${dayOf(ts)} at ${timeOf(ts)}`;
}

export function dayOf(ts) {
  const day = new Date(ts);
  const daysAgo = (back) => new Date(Date.now() - back * 86_400_000).toDateString();
  if (day.toDateString() === daysAgo(0)) return "Today";
  if (day.toDateString() === daysAgo(1)) return "Yesterday";
  return day.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}
