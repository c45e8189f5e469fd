// The rooms that the page is in, or wants to be in: joined again after each connection.

import { Refused } from "./refused.js";
import { Room } from "./room.js";

// Rooms that are asked for at once. Each answer can be long, and a slow line has to take them all.
const JOINING = 2;

export class Rooms {
  #rooms = new Map();
  // Rooms that wait until they are asked for, and how many are.
  #joins = [];
  #joining = 0;
  #requests;
  #isOnline;
  #emit;
  #answered;

  // `answered` is called when a room has answered.
  constructor({ requests, isOnline, emit, answered }) {
    this.#requests = requests;
    this.#isOnline = isOnline;
    this.#emit = emit;
    this.#answered = answered;
  }

  get(name) {
    return this.#rooms.get(name);
  }

  get areAsking() {
    return [...this.#rooms.values()].some((room) => room.isAsking);
  }

  join(name) {
    const room = this.#room(name);
    room.isWanted = true;
    return new Promise((resolve, reject) => {
      room.waiting.push({ resolve, reject });
      this.#askToJoin(room);
    });
  }

  // The game has put us there.
  put(found) {
    this.#emit("joined", this.#joined(this.#room(found.room), found));
  }

  // After a new connection. Where the game has put us, it does so again.
  joinAll() {
    for (const room of this.#rooms.values()) if (room.isWanted) this.#askToJoin(room);
  }

  leave(name) {
    const room = this.#rooms.get(name);
    if (room) this.#forget(room, "closed");
  }

  // The server has closed it.
  closed(name) {
    const room = this.#rooms.get(name);
    room?.giveUp();
    if (room) this.#forget(room, "unknown_room");
    this.#emit("closed", { room: name });
  }

  // The connection is lost.
  interrupted() {
    this.#joins = [];
    this.#joining = 0;
    for (const room of this.#rooms.values()) room.interrupted();
  }

  // There will be no connection until the page asks for it.
  rejectAll(code) {
    for (const room of [...this.#rooms.values()]) {
      if (room.epoch === undefined) this.#forget(room, code);
      for (const { reject } of room.waiting.splice(0)) reject(new Refused(code));
    }
  }

  leaveAll() {
    for (const room of this.#rooms.values()) room.isOver = true;
    this.#rooms.clear();
  }

  #room(name) {
    const known = this.#rooms.get(name);
    if (known) return known;
    const room = new Room(name, this.#emit, (...request) => this.#requests.askPatiently(...request));
    this.#rooms.set(name, room);
    return room;
  }

  #joined(room, found) {
    const joined = { ...room.joined(found), more: found.more ?? false };
    for (const { resolve } of room.waiting.splice(0)) resolve(joined);
    return joined;
  }

  #askToJoin(room) {
    if (room.isAsking || !this.#isOnline()) return;
    room.isAsking = true;
    this.#joins.push(room);
    this.#joinNext();
  }

  #joinNext() {
    while (this.#joining < JOINING && this.#joins.length > 0) {
      const room = this.#joins.shift();
      if (!room.isOver) this.#joinNow(room);
    }
  }

  #joinNow(room) {
    this.#joining += 1;
    const goOn = () => {
      this.#joinNext();
      this.#answered();
    };
    const done = (ack) => {
      this.#joining -= 1;
      room.isAsking = false;
      if (!room.isOver) this.#joined(room, ack);
      goOn();
    };
    const failed = (error) => {
      if (error.code === "closed") return;
      this.#joining -= 1;
      room.isAsking = false;
      // Whoever asks for the first time learns it from the promise.
      const wasIn = room.epoch !== undefined && !room.isOver;
      if (wasIn) room.giveUp();
      this.#forget(room, error.code, error.retryMs);
      if (wasIn) this.#emit("closed", { room: room.name });
      goOn();
    };
    this.#requests.askPatiently("room.join", { room: room.name }, done, failed);
  }

  #forget(room, code, retryMs) {
    room.isOver = true;
    if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
    for (const { reject } of room.waiting.splice(0)) reject(new Refused(code, retryMs));
  }
}
