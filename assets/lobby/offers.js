// What may be meant by what is written before the caret: "@An", "/w An" and "/h" have a beginning of something.

import { COMMANDS } from "./commands.js";
import { quoted } from "./mentions.js";

const OFFERED = 5;
const LONGEST = 64;

// { start, options: [{ label, text }] }: an option's text takes the place of what stands from `start` to the caret.
export function offers(text, caret, { members, people }) {
  const before = text.slice(0, caret);
  const command = /^\/([^\s/]*)$/.exec(before);
  if (command) return { start: 0, options: commands(command[1]) };
  const whisper = /^(\/w\s+)"?([^"\n]*)$/i.exec(before);
  if (whisper) return { start: whisper[1].length, options: names(people(), whisper[2], "") };
  const start = before.lastIndexOf("@");
  if (start < 0 || /[^\s(]/.test(before.charAt(start - 1))) return { start: 0, options: [] };
  const typed = before.slice(start + 1).replace(/^"/, "");
  return { start, options: names(members(), typed, "@") };
}

function commands(typed) {
  const fits = ({ name }) => name.startsWith(typed.toLowerCase()) && name !== typed;
  return COMMANDS.filter(fits).map(({ name, takes }) => ({ label: `/${name} ${takes}`, text: `/${name} ` }));
}

function names(users, typed, sign) {
  const begun = typed.toLowerCase();
  const fits = (name) => name.toLowerCase().startsWith(begun) && name.toLowerCase() !== begun;
  if (begun.length > LONGEST) return [];
  return users.map(({ name }) => name).filter(fits).slice(0, OFFERED)
    .map((name) => ({ label: `${sign}${name}`, text: `${sign}${quoted(name)} ` }));
}
