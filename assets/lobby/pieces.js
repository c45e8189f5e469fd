// What is in a text: words, links and mentions. A text is never more than that.

import { splitMentions } from "./mentions.js";

const LINK = /(?<![\p{L}\p{N}])https?:\/\/[^\s<>"]+/giu;
// What stands after a link more often than in it.
const AFTER = /[.,;:!?'*_~\])}]+$/u;

// In pieces: { text, name?, href? }.
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const written = withoutEnd(match[0]);
    const href = safe(written);
    if (!href) continue;
    found.push(...splitMentions(text.slice(end, match.index)), { text: written, href });
    end = match.index + written.length;
  }
  return [...found, ...splitMentions(text.slice(end))];
}

// "(see https://example.org/a_(b))." has the link "https://example.org/a_(b)".
function withoutEnd(written) {
  let link = written.replace(AFTER, "");
  const count = (sign) => link.split(sign).length;
  if (count("(") > count(")") && written[link.length] === ")") link += ")";
  return link;
}

// Where it leads, when that is what it looks like: "https://bank.example@evil.example" leads elsewhere.
function safe(written) {
  if (!URL.canParse(written)) return null;
  const { protocol, username, password, href } = new URL(written);
  const isWeb = protocol === "http:" || protocol === "https:";
  return isWeb && !username && !password ? href : null;
}
