// One room, or the whispers with one person: what was said, who is there, what is new.

import { written } from "./commands.js";

// Most lines that are kept, and while somebody reads further up.
const LINES = 500;
const LINES_READING = 2_000;
const TYPING_MS = 5_000;
// A presence line for each, up to this many at once.
const NAMED = 3;
// In larger rooms nobody is told who comes and goes.
const SMALL = 50;
// The clocks of the server and of this page may differ by this much.
const SKEW_MS = 60_000;
// Texts that can be brought back.
const RECALLED = 50;

let nextKey = 1;

export class Conversation {
  isJoined = false;
  // Whether it was joined once: what comes now is news.
  isLoaded = false;
  isReading = false;
  more = false;
  isLoadingOlder = false;
  unread = 0;
  isMentioned = false;
  // Where the new messages begin, and how many there are: { key, count }. It stays when they are read.
  fresh = null;
  rules = { slow_ms: 0, frozen: false };
  members = new Map();
  lines = [];
  // What I said and the server has not shown yet.
  outgoing = [];
  typing = new Map();
  #mids = new Map();

  // `room` is a room's name, or `person` is a user.
  constructor({ room = null, person = null }) {
    this.room = room;
    this.person = person;
    this.key = room === null ? `to:${person.id}` : `room:${room}`;
  }

  // False when it is known already.
  add({ mid, seq, ts, from, text }, me) {
    if (this.#mids.has(mid)) return false;
    const line = { kind: "message", key: mid, mid, seq, ts, from, text };
    this.#mids.set(mid, line);
    this.lines.push(line);
    if (from?.id === me.id) this.#settle({ text, ts });
    this.typing.delete(from?.id);
    this.#trim();
    return true;
  }

  #trim() {
    const most = this.isReading ? LINES_READING : LINES;
    if (this.lines.length <= most) return;
    for (const old of this.lines.splice(0, this.lines.length - most)) this.#mids.delete(old.mid);
    this.more = this.room !== null;
  }

  // A page of what was said before. False when it brought nothing new.
  addOlder({ messages, more }) {
    const older = messages
      .filter(({ mid }) => !this.#mids.has(mid))
      .map(({ mid, seq, ts, from, text }) => ({ kind: "message", key: mid, mid, seq, ts, from, text }));
    for (const line of older) this.#mids.set(line.mid, line);
    this.lines.unshift(...older);
    this.more = more && older.length > 0;
    return older.length > 0;
  }

  firstNumber() {
    return this.lines.find(({ seq }) => seq !== undefined)?.seq;
  }

  markDeleted(mid) {
    const line = this.#mids.get(mid);
    if (line) line.text = null;
  }

  addEvent(text) {
    this.#happened({ kind: "event", text });
  }

  // Words of the house for this reader alone.
  addNotice({ text, tone = "info" }) {
    this.#happened({ kind: "notice", text, tone });
  }

  #happened(line) {
    this.lines.push({ key: `e${nextKey++}`, ts: Date.now(), ...line });
    this.#trim();
  }

  addOutgoing(text) {
    const line = { kind: "outgoing", key: `o${nextKey++}`, ts: Date.now(), text, state: "pending" };
    this.outgoing.push(line);
    return line;
  }

  // The server took it: either the message has been shown already, or it is now. What the game answered was not said.
  confirm(line, { mid, seq, ts, stored, handled }, me) {
    this.drop(line);
    if (handled) return;
    this.add({ mid, seq, ts, from: me, text: line.text }, me);
    const said = this.#mids.get(mid);
    if (stored === false && said) said.keeping = "said";
  }

  // What I said up to this number would survive the server.
  markStored(seq) {
    for (const line of this.lines) if (line.keeping === "said" && line.seq <= seq) line.keeping = "stored";
  }

  // The connection on which it would have been told is gone.
  forgetKeeping() {
    for (const line of this.lines) if (line.keeping === "said") line.keeping = undefined;
  }

  fail(line, reason, retryAt) {
    Object.assign(line, { state: "failed", reason, retryAt });
  }

  drop(line) {
    this.outgoing = this.outgoing.filter((other) => other !== line);
  }

  // What I said comes back before the answer to it, or after the page was loaded again.
  #settle({ text, ts }) {
    const isIt = ({ state, isUnsure, ts: written }) => state === "pending" || (isUnsure && ts >= written - SKEW_MS);
    const line = this.outgoing.find((mine) => mine.text === text && isIt(mine));
    if (line) this.drop(line);
  }

  // My texts as I wrote them, the newest first.
  recalled(me) {
    const mine = [...this.lines, ...this.outgoing].filter(({ kind, from, text }) =>
      kind === "outgoing" || (kind === "message" && from?.id === me.id && text !== null));
    return mine.slice(-RECALLED).reverse().map(({ text }) => written(text));
  }

  // After a reload.
  restore(lines, unread) {
    for (const { mid, ts, from, text } of lines) this.add({ mid, ts, from, text }, {});
    for (const line of unread > 0 ? this.lines.slice(-unread) : []) this.markFresh(line.key);
  }

  restoreOutgoing({ text, ts, reason, isUnsure }) {
    const key = `o${nextKey++}`;
    this.outgoing.push({ kind: "outgoing", key, ts, text, reason, isUnsure, state: "failed", retryAt: 0 });
  }

  // Before the room is joined anew, as if for the first time.
  startAnew() {
    this.lines = [];
    this.#mids.clear();
    this.fresh = null;
    this.isJoined = this.isLoaded = this.more = false;
  }

  setMembers(members, joined, left, me) {
    this.members = new Map(members.map((user) => [user.id, user]));
    for (const user of left) this.typing.delete(user.id);
    if (!this.isLoaded || members.length > SMALL) return;
    const others = (users) => users.filter(({ id }) => id !== me.id);
    this.#tell(others(joined), "came in.");
    this.#tell(others(left), "left.");
  }

  #tell(users, what) {
    if (users.length > NAMED) return this.addEvent(`${users.length} people ${what}`);
    for (const user of users) this.addEvent(`${user.name} ${what}`);
  }

  setTyping({ id, name }) {
    this.typing.set(id ?? name, { name, until: Date.now() + TYPING_MS });
  }

  // Names of those who are writing at this moment.
  writers() {
    return [...this.typing.values()].filter(({ until }) => until > Date.now()).map(({ name }) => name);
  }

  // Something that nobody has looked at.
  markFresh(key) {
    if (this.unread === 0) this.fresh = { key, count: 0 };
    this.unread += 1;
    this.fresh.count += 1;
  }

  markRead() {
    this.unread = 0;
    this.isMentioned = false;
  }
}
