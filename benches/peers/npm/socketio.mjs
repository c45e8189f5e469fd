// socket.io, as its documentation shows it: the token is checked in a middleware, and a broadcast is
// `io.emit`. Only the WebSocket transport.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { host, verify } from "./host.mjs";

const server = createServer();
const io = new Server(server, { transports: ["websocket"], serveClient: false });
io.use((socket, next) => {
  try {
    socket.data.claims = verify(socket.handshake.headers);
  } catch {
    next(new Error("unauthorized"));
    return;
  }
  next();
});

function send(text) {
  io.emit("message", text);
}

function waiting() {
  for (const id in io.engine.clients) {
    const client = io.engine.clients[id];
    if (client.writeBuffer.length > 0 || !client.transport.writable) return true;
  }
  return false;
}

host(server, send, waiting);
