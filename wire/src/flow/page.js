"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const [picture, names, tip, filter, count] = ["picture", "names", "tip", "filter", "count"].map(byId);
  const main = document.querySelector("main");
  const whole = { w: picture.viewBox.baseVal.width, h: picture.viewBox.baseVal.height };

  // Events and their words stand in the same order. Lines move from the picture, which would show them by itself, to here.
  const words = [...document.querySelectorAll("g.w")];
  const events = [...document.querySelectorAll("g.e")].map((arrows, at) => {
    const title = arrows.querySelector("title");
    const text = title.textContent;
    title.remove();
    for (const way of arrows.querySelectorAll("path.guess, path.a:not(.head):not(.guess)")) {
      const hit = way.cloneNode();
      hit.setAttribute("class", "hit");
      arrows.append(hit);
    }
    const line = text.split("\n", 1)[0].toLowerCase();
    const ranges = (arrows.dataset.i || "").split(" ").filter(Boolean).map((range) => range.split("-").map(BigInt));
    const event = { arrows, words: words[at], text, parts: line.split(/[\s,:()]+/).flatMap((part) => [part, part.split("#")[0]]), ranges };
    for (const group of [arrows, words[at]]) {
      group.addEventListener("pointerenter", (pointer) => show(event, pointer));
      group.addEventListener("pointermove", (pointer) => place(pointer));
      group.addEventListener("pointerleave", hide);
    }
    return event;
  });

  // --- the line of a packet ---

  let shown = null;
  function show(event, pointer) {
    hide();
    shown = event;
    tip.textContent = event.text;
    tip.hidden = false;
    event.arrows.classList.add("on");
    event.words.classList.add("on");
    place(pointer);
  }
  function place(pointer) {
    const left = Math.max(4, Math.min(pointer.clientX + 14, innerWidth - tip.offsetWidth - 4));
    const below = pointer.clientY + 18;
    const top = below + tip.offsetHeight < innerHeight ? below : pointer.clientY - tip.offsetHeight - 10;
    tip.style.left = left + "px";
    tip.style.top = Math.max(4, top) + "px";
  }
  function hide() {
    tip.hidden = true;
    if (!shown) return;
    shown.arrows.classList.remove("on");
    shown.words.classList.remove("on");
    shown = null;
  }

  // --- the filter ---

  function wanted(text) {
    const wants = [];
    const parts = text.toLowerCase().split(/[\s,]+/).filter(Boolean);
    for (let at = 0; at < parts.length; at++) {
      const part = parts[at] === "instance" && /^\d+$/.test(parts[at + 1] || "") ? "i" + parts[++at] : parts[at];
      if (/^i\d+$/.test(part)) {
        const instance = BigInt(part.slice(1));
        wants.push((event) => event.ranges.some(([first, last]) => first <= instance && instance <= last));
      } else {
        wants.push((event) => event.parts.some((one) => one === part || (part.length > 2 && one.startsWith(part))));
      }
    }
    return (event) => wants.every((want) => want(event));
  }
  function sift() {
    hide();
    const wants = wanted(filter.value);
    let left = 0;
    for (const event of events) {
      const off = !wants(event);
      event.arrows.classList.toggle("off", off);
      event.words.classList.toggle("off", off);
      left += off ? 0 : 1;
    }
    count.textContent = left === events.length ? `${left} events` : `${left} of ${events.length} events`;
  }

  // --- the view: what part of the picture is seen ---

  const view = { x: 0, y: 0, w: whole.w };
  const height = () => (view.w * main.clientHeight) / Math.max(1, main.clientWidth);
  function look() {
    view.w = Math.min(Math.max(view.w, 60), 6 * whole.w);
    const clamp = (at, size, all) => (size >= all ? (all - size) / 2 : Math.min(Math.max(at, 0), all - size));
    view.x = clamp(view.x, view.w, whole.w);
    view.y = height() >= whole.h ? 0 : Math.min(Math.max(view.y, 0), whole.h - height());
    picture.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${height()}`);
    names.setAttribute("transform", `translate(0 ${view.y})`);
  }
  function move(x, y) {
    view.x += (x * view.w) / main.clientWidth;
    view.y += (y * view.w) / main.clientWidth;
    look();
  }
  /** Around a point of the window; without one, around the middle. */
  function zoom(factor, clientX, clientY) {
    const box = main.getBoundingClientRect();
    const across = ((clientX ?? box.left + box.width / 2) - box.left) / box.width;
    const down = ((clientY ?? box.top + box.height / 2) - box.top) / box.height;
    const [x, y] = [view.x + across * view.w, view.y + down * height()];
    view.w = Math.min(Math.max(view.w * factor, 60), 6 * whole.w);
    view.x = x - across * view.w;
    view.y = y - down * height();
    look();
  }
  function fit() {
    view.x = 0;
    view.w = Math.max(whole.w, Math.min(main.clientWidth, 1.6 * whole.w));
    look();
  }

  main.addEventListener("wheel", (wheel) => {
    wheel.preventDefault();
    const unit = wheel.deltaMode === 1 ? 16 : wheel.deltaMode === 2 ? main.clientHeight : 1;
    if (wheel.ctrlKey || wheel.metaKey || wheel.altKey) {
      zoom(Math.exp(Math.min(Math.max(wheel.deltaY * unit, -200), 200) / 300), wheel.clientX, wheel.clientY);
    } else if (wheel.shiftKey && !wheel.deltaX) {
      move(wheel.deltaY * unit, 0);
    } else {
      move(wheel.deltaX * unit, wheel.deltaY * unit);
    }
  }, { passive: false });

  let held = null;
  main.addEventListener("pointerdown", (pointer) => {
    if (pointer.button !== 0) return;
    held = { x: pointer.clientX, y: pointer.clientY };
    main.setPointerCapture(pointer.pointerId);
    main.classList.add("held");
    document.activeElement?.blur();
  });
  main.addEventListener("pointermove", (pointer) => {
    if (!held) return;
    move(held.x - pointer.clientX, held.y - pointer.clientY);
    held = { x: pointer.clientX, y: pointer.clientY };
  });
  for (const end of ["pointerup", "pointercancel"]) {
    main.addEventListener(end, () => {
      held = null;
      main.classList.remove("held");
    });
  }

  const keys = {
    ArrowUp: () => move(0, -60), ArrowDown: () => move(0, 60), ArrowLeft: () => move(-60, 0), ArrowRight: () => move(60, 0),
    PageUp: () => move(0, -0.9 * main.clientHeight), PageDown: () => move(0, 0.9 * main.clientHeight),
    Home: () => move(0, -1e9), End: () => move(0, 1e9),
    "+": () => zoom(0.8), "=": () => zoom(0.8), "-": () => zoom(1.25), 0: fit, "/": () => filter.focus(),
  };
  addEventListener("keydown", (key) => {
    if (key.key === "Escape") {
      filter.value = "";
      filter.blur();
      return sift();
    }
    if (document.activeElement === filter || key.ctrlKey || key.metaKey || key.altKey || !Object.hasOwn(keys, key.key)) return;
    key.preventDefault();
    keys[key.key]();
  });

  filter.addEventListener("input", sift);
  byId("in").addEventListener("click", () => zoom(0.8));
  byId("out").addEventListener("click", () => zoom(1.25));
  byId("whole").addEventListener("click", fit);
  addEventListener("resize", look);
  new ResizeObserver(look).observe(main);

  main.classList.add("moves");
  sift();
  fit();
})();
