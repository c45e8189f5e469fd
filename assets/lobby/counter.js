// How long a text is, as the server counts: in Unicode scalar values.

import { announce, byId, say } from "./dom.js";

// It is shown when this part of the length is left.
const NEAR = 0.1;

let wasTooLong = false;

export const lengthOf = (text) => [...text].length;

// Whether the text is too long.
export function drawCounter(length, most) {
  const left = most - length;
  const isTooLong = left < 0;
  const words = isTooLong ? `${-left} ${left === -1 ? "character" : "characters"} too many` : `${left} left`;
  say("counter", left <= most * NEAR ? words : null);
  byId("counter").classList.toggle("bad", isTooLong);
  if (isTooLong && !wasTooLong) announce("This message is too long.");
  wasTooLong = isTooLong;
  return isTooLong;
}
