// What is half written, by conversation, also after a reload.

import { drop, keep, read } from "./storage.js";

const STORED = "lobby-drafts";
// Conversations whose drafts are kept, and the longest draft that is kept over a reload.
const KEPT = 20;
const LONGEST = 20_000;

const drafts = new Map(read(STORED) ?? []);

export const draftOf = (key) => drafts.get(key) ?? "";

export function keepDraft(key, text) {
  if (draftOf(key) === text) return;
  drafts.delete(key);
  if (text) drafts.set(key, text);
  if (drafts.size > KEPT) drafts.delete(drafts.keys().next().value);
  keep(STORED, [...drafts].filter(([, draft]) => draft.length <= LONGEST));
}

export function forgetDrafts() {
  drafts.clear();
  drop(STORED);
}
