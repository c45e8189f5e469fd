// How long a text is, as the server counts: in Unicode scalar values, and in lines.

import { announce, byId, say } from "./dom.js";

// It is shown when this part of the length is left.
const NEAR = 0.1;

let wasTooLong = false;

const lengthOf = (text) => [...text].length;
const linesOf = (text) => text.split("\n").length;

// Whether the text is too long.
export function drawCounter(text, { text_length: most, text_lines: mostLines = Infinity }) {
  const left = most - lengthOf(text);
  const lines = linesOf(text) - mostLines;
  const isTooLong = left < 0 || lines > 0;
  const tooMany = left < 0 ? many(-left, "character") : many(lines, "line");
  const words = isTooLong ? `${tooMany} too many` : `${left} left`;
  say("counter", isTooLong || left <= most * NEAR ? words : null);
  byId("counter").classList.toggle("bad", isTooLong);
  if (isTooLong && !wasTooLong) announce("This message is too long.");
  wasTooLong = isTooLong;
  return isTooLong;
}

const many = (count, what) => `${count} ${count === 1 ? what : `${what}s`}`;
