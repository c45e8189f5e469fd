// On a narrow page rooms and people lie over the chat, one at a time. On a wide one they are always there.

import { byId } from "./dom.js";

const DRAWERS = { rooms: ["rooms-drawer", "show-rooms"], people: ["people-drawer", "show-people"] };

function show(name) {
  byId("lobby").dataset.drawer = name;
  for (const [drawer, [, opener]] of Object.entries(DRAWERS)) {
    byId(opener).setAttribute("aria-expanded", String(drawer === name));
  }
}

export function closeDrawer() {
  const open = DRAWERS[byId("lobby").dataset.drawer];
  show("");
  if (open) byId(open[1]).focus();
}

// `opened` is called with the name of the drawer.
export function watchDrawers(opened) {
  for (const [name, [drawer, opener]] of Object.entries(DRAWERS)) {
    byId(opener).addEventListener("click", () => {
      show(name);
      byId(drawer).focus();
      opened(name);
    });
    byId(drawer).addEventListener("keydown", (event) => {
      if (event.key === "Escape" && byId("lobby").dataset.drawer === name) closeDrawer();
    });
    byId(drawer).querySelector("[data-close]").addEventListener("click", closeDrawer);
  }
}
