// A client of `bouncer.v1`, for browsers and for node. index.d.ts says what it offers, docs/protocol.md what
// it speaks.

export { Bouncer } from "./bouncer.js";
export { Refused } from "./refused.js";
