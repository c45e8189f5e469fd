// What the server says, and whom it concerns.

import { messageOf } from "./message.js";
import { Refused } from "./refused.js";

export class Incoming {
  #parts;

  // `parts` are `emit`, `requests`, `outbox`, `rooms` and `token`.
  constructor(parts) {
    this.#parts = parts;
  }

  handle(message) {
    const { emit, rooms, token } = this.#parts;
    const { op, room } = message;
    switch (op) {
      case "beat":
        return;
      case "ack":
      case "err":
        return this.#answered(message);
      case "chat.msg":
        return rooms.get(room)?.said(messageOf(message));
      case "chat.stored":
        return emit("stored", { room, seq: message.seq });
      case "chat.deleted":
        return rooms.get(room)?.deleted(message.seq, message.mid);
      case "presence":
        return rooms.get(room)?.present(message);
      case "chat.whisper": {
        const { mid, ts, from, to, d } = message;
        return emit("whisper", { mid, ts, from, to, text: d.text });
      }
      case "chat.typing":
        return emit("typing", { room, from: message.from });
      case "notice":
        return emit("notice", { room, text: message.text, tone: message.tone ?? "info" });
      case "room.joined":
        return rooms.put(message);
      case "room.rules":
        return emit("rules", { room, rules: message.rules });
      case "room.closed":
        return rooms.closed(room);
      case "muted":
        return emit("muted", { room, until: Date.now() + message.left_ms, reason: message.reason });
      case "unmuted":
        return emit("unmuted", { room });
      case "auth.expiring":
        return token.expiring(message.ends_at, message.left_ms);
      default:
        return emit("game", { op, d: message.d });
    }
  }

  #answered({ op, re, code, retry_ms, ...members }) {
    const { emit, requests, outbox } = this.#parts;
    const waiting = requests.take(re) ?? outbox.take(re);
    if (op === "ack") return waiting?.done({ ...members });
    if (code === "rate_limited" && retry_ms) outbox.slowDown(retry_ms);
    if (waiting) waiting.failed(new Refused(code, retry_ms));
    else if (re === undefined) emit("refused", { code, retryMs: retry_ms });
  }
}
