// On a narrow page rooms and people lie over the chat, one at a time. On a wide one they are always there.
// The browser's way back closes them.

import { byId } from "./dom.js";

const DRAWERS = { rooms: ["rooms-drawer", "show-rooms"], people: ["people-drawer", "show-people"] };

function show(name) {
  byId("lobby").dataset.drawer = name;
  for (const [drawer, [, opener]] of Object.entries(DRAWERS)) {
    byId(opener).setAttribute("aria-expanded", String(drawer === name));
  }
}

function hide() {
  const open = DRAWERS[byId("lobby").dataset.drawer];
  show("");
  if (open) byId(open[1]).focus();
}

export function closeDrawer() {
  hide();
  if (history.state?.drawer) history.back();
}

// `opened` is called with the name of the drawer.
export function watchDrawers(opened) {
  // The page was loaded again while one was open.
  if (history.state?.drawer) history.back();
  addEventListener("popstate", ({ state }) => {
    if (!state?.drawer) hide();
    else if (byId("lobby").dataset.drawer !== state.drawer) history.back();
  });
  for (const [name, [drawer, opener]] of Object.entries(DRAWERS)) {
    byId(opener).addEventListener("click", () => {
      history.pushState({ drawer: name }, "");
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
