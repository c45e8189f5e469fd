// Who is meant: "@Ann", or @"Ann Lee" for names with other characters in them. It is the way it is written that
// counts and not who is there, so that everybody reads the same.

const PLAIN = /^[\p{L}\p{N}\p{M}_-]+$/u;
const MENTION = /(?<![\p{L}\p{N}\p{M}_@])@(?:"([^"\n]{1,64})"|([\p{L}\p{N}\p{M}_-]{1,64}))/gu;

// "Ann", or "Ann Lee" with its quotes.
export const quoted = (name) => (PLAIN.test(name) ? name : `"${name}"`);

// The text in pieces: { text, name? }, where name is there for a mention.
export function splitMentions(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(MENTION)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    const name = match[1] ?? match[2];
    found.push({ text: `@${name}`, name });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

export const isSame = (name, other) => name.toLowerCase() === other.toLowerCase();

export const mentions = (text, name) =>
  splitMentions(text).some((piece) => piece.name !== undefined && isSame(piece.name, name));
