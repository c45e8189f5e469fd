// What begins with a slash is for the page: "/w Ann hi". Whatever it does not know is not said.

import { isSame } from "./mentions.js";

export const COMMANDS = [
  { name: "w", takes: "name text", does: "whispers to somebody; /w \"Ann Lee\" hi, for a name with spaces" },
  { name: "me", takes: "text", does: "says what you do; /me waves" },
  { name: "help", takes: "", does: "shows this" },
];

export const HELP = [
  ...COMMANDS.map(({ name, takes, does }) => `${`/${name} ${takes}`.trim()} – ${does}`),
  "//text – says something that begins with a slash",
  "",
  "Enter sends, and Shift with Enter begins a new line. The arrow up in an empty field brings back what you said. "
    + "Escape goes to the newest messages. @ mentions somebody.",
].join("\n");

const ACTION = /^\/me\s+(?=\S)/;

// What to do with what was written: { say }, { whisper, to }, { help } or { problem }. `people` are the users who are
// known here.
export function understand(written, people) {
  const text = written.trim();
  if (!text.startsWith("/")) return { say: text };
  // Said as it is, "/me" would be an action: it keeps both, and is shown with one.
  if (text.startsWith("//")) return { say: ACTION.test(text.slice(1)) ? text : text.slice(1) };
  const [, name, rest] = /^\/(\S*)\s*([^]*)$/.exec(text);
  switch (name.toLowerCase()) {
    case "w":
      return whisper(rest, people);
    case "me":
      return rest ? { say: `/me ${rest}` } : { problem: "Say what you do: /me waves" };
    case "help":
      return { help: true };
    default:
      return { problem: `There is no command /${name}. /help shows all, and //${name} says it with a slash.` };
  }
}

function whisper(rest, people) {
  const { name, text } = addressee(rest, people);
  if (!name) return { problem: "Say to whom: /w name text" };
  const to = people.find((user) => isSame(user.name, name));
  if (!to) return { problem: `Nobody here is called ${name}. Nothing was said.` };
  return { whisper: text, to };
}

// The name at the beginning: in quotes, or the longest that is known, or one word.
function addressee(rest, people) {
  const inQuotes = /^"([^"]*)"?\s*([^]*)$/.exec(rest);
  if (inQuotes) return { name: inQuotes[1].trim(), text: inQuotes[2] };
  const begins = ({ name }) => isSame(rest.slice(0, name.length), name) && !/^\S/.test(rest.slice(name.length));
  const [known] = people.filter(begins).sort((a, b) => b.name.length - a.name.length);
  const name = known ? rest.slice(0, known.name.length) : rest.split(/\s/)[0];
  return { name, text: rest.slice(name.length).trim() };
}

// What somebody did, when a text says that, and otherwise null.
export const actionIn = (text) => (ACTION.test(text) ? text.replace(ACTION, "") : null);

// What somebody has to write to say this.
export const written = (text) =>
  (text.startsWith("/") && !ACTION.test(text) && plain(text) === text ? `/${text}` : text);

// A text as it is shown.
export const plain = (text) => (/^\/\/me\s+\S/.test(text) ? text.slice(1) : text);
