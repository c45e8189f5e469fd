// One room, or the whispers with one person: what was said, who is there, what is new.

// Most lines that are kept, and while somebody reads further up.
const LINES = 500;
const LINES_READING = 2_000;
const TYPING_MS = 5_000;
// A presence line for each, up to this many at once.
const NAMED = 3;
// In larger rooms nobody is told who comes and goes.
const SMALL = 50;

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
    if (from?.id === me.id) this.#settle(text);
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
    this.lines.push({ kind: "event", key: `e${nextKey++}`, ts: Date.now(), text });
    this.#trim();
  }

  addOutgoing(text) {
    const line = { kind: "outgoing", key: `o${nextKey++}`, ts: Date.now(), text, state: "pending" };
    this.outgoing.push(line);
    return line;
  }

  // The server took it: either the message has been shown already, or it is now.
  confirm(line, { mid, seq, ts }, me) {
    this.add({ mid, seq, ts, from: me, text: line.text }, me);
    this.drop(line);
  }

  fail(line, reason, retryAt) {
    Object.assign(line, { state: "failed", reason, retryAt });
  }

  drop(line) {
    this.outgoing = this.outgoing.filter((other) => other !== line);
  }

  // What I said comes back before the answer to it.
  #settle(text) {
    const line = this.outgoing.find((mine) => mine.state === "pending" && mine.text === text);
    if (line) this.drop(line);
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

  markRead() {
    this.unread = 0;
    this.isMentioned = false;
  }
}
