// ws, as its documentation shows it: the token is checked on `upgrade`, before the handshake, and a
// broadcast is a loop over the clients.

import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { host, verify } from "./host.mjs";

const sockets = new WebSocketServer({ noServer: true });
const server = createServer();
server.on("upgrade", (request, socket, head) => {
  try {
    request.claims = verify(request.headers);
  } catch {
    socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on("error", () => client.terminate());
    sockets.emit("connection", client, request);
  });
});

function send(text) {
  for (const client of sockets.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(text);
  }
}

function waiting() {
  for (const client of sockets.clients) {
    if (client.bufferedAmount > 0) return true;
  }
  return false;
}

host(server, send, waiting);
