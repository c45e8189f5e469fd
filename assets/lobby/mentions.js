// Who is meant by "@Name". Names may have spaces in them, so only those that are known are found.

const escape = (name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// The text in pieces: { text, name? }, where name is there for a mention.
export function pieces(text, names) {
  const longestFirst = [...new Set(names)].sort((a, b) => b.length - a.length).map(escape);
  if (longestFirst.length === 0 || !text.includes("@")) return [{ text }];
  const mention = new RegExp(`(?<![\\w@])@(${longestFirst.join("|")})(?![\\w-])`, "gi");
  const found = [];
  let end = 0;
  for (const match of text.matchAll(mention)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: match[0], name: match[1] });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

export const isSame = (name, other) => name.toLowerCase() === other.toLowerCase();

export const mentions = (text, name) => pieces(text, [name]).some((piece) => piece.name !== undefined);

// The beginning of a name that is being written before the caret: { start, typed } or null.
export function beginning(text, caret) {
  const start = text.lastIndexOf("@", caret - 1);
  if (start < 0 || (start > 0 && !/\s/.test(text[start - 1]))) return null;
  const typed = text.slice(start + 1, caret);
  return typed.length <= 24 ? { start, typed } : null;
}
