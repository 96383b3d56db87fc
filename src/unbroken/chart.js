// The curves of `report`: small figures drawn from the page's own data, without a library and without a network.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const W = 380, H = 210, BOX = { left: 50, right: 8, top: 10, bottom: 24 };
  const DASHES = ["", "5 3", "2 3", "8 3 2 3"];
  const several = data.runs.length > 1;

  // ---- what belongs into one figure: the same number of every run, of training and of validation

  function figures() {
    const found = new Map();
    data.runs.forEach((run, number) => run.curves.forEach((curve) => {
      const cut = curve.path.indexOf("/");
      const group = cut < 0 ? "" : curve.path.slice(0, cut);
      const name = cut < 0 ? curve.path : curve.path.slice(cut + 1);
      if (!found.has(name)) found.set(name, []);
      const what = group ? group + (curve.at === "step" ? ", step" : group === "train" ? ", epoch" : "") : "";
      found.get(name).push({ ...curve, run: number, group, what, thin: curve.at === "step" && group !== "" });
    }));
    for (const curves of found.values()) {
      const kinds = [...new Set(curves.map((each) => each.group))];
      for (const each of curves) {
        const kind = kinds.indexOf(each.group);
        each.colour = several ? each.run % 8 : [0, 1, 2, 3, 4][kind % 5];
        each.dash = DASHES[kind % DASHES.length];
        each.label = [several ? data.runs[each.run].name : "", each.what].filter(Boolean).join(" ") || "value";
      }
    }
    return found;
  }

  // ---- numbers

  function smoothed(values, weight) {
    let sum = 0, mass = 0;
    return values.map((value) => {
      if (value === null) return null;
      sum = weight * sum + (1 - weight) * value;
      mass = weight * mass + (1 - weight);
      return sum / mass;
    });
  }

  function ticks(low, high, many) {
    const rough = (high - low) / many || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
    return found;
  }

  function logTicks(low, high) {
    const found = [], every = Math.max(1, Math.ceil((high - low) / 4));
    for (let p = Math.ceil(low - 1e-9); p <= high + 1e-9; p += every) found.push(10 ** p);
    return found.length > 1 ? found : ticks(10 ** low, 10 ** high, 4).filter((value) => value > 0);
  }

  const short = (value) => {
    const size = Math.abs(value);
    if (size >= 1e9 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
    if (size >= 1e6) return +(value / 1e6).toPrecision(3) + "M";
    return size >= 1e4 ? +(value / 1e3).toPrecision(3) + "k" : String(+value.toPrecision(4));
  };
  const exact = (value) => (value === null || value === undefined ? "not finite" : String(+value.toPrecision(5)));

  function nearest(xs, x) {
    let low = 0, high = xs.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle + 1; else high = middle;
    }
    return low > 0 && x - xs[low - 1] <= xs[low] - x ? low - 1 : low;
  }

  // ---- drawing

  function made(tag, attributes, parent, text) {
    const svg = ["svg", "path", "line", "text", "circle", "title", "g"].includes(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }

  function scales(curves, log) {
    const xs = curves.flatMap((each) => [each.x[0], each.x[each.x.length - 1]]);
    let low = Infinity, high = -Infinity;
    for (const each of curves) for (const y of each.drawn) {
      if (y === null || (log && y <= 0)) continue;
      const v = log ? Math.log10(y) : y;
      low = Math.min(low, v); high = Math.max(high, v);
    }
    if (low > high) [low, high] = [0, 1];
    const pad = (high - low || Math.abs(high) * 0.1 || 1) * 0.05;
    const x0 = Math.min(0, ...xs), x1 = Math.max(1, ...xs);
    [low, high] = [low - pad, high + pad];
    return {
      x0, x1, low, high,
      x: (x) => BOX.left + ((x - x0) / (x1 - x0)) * (W - BOX.left - BOX.right),
      y: (y) => H - BOX.bottom - (((log ? Math.log10(y) : y) - low) / (high - low)) * (H - BOX.top - BOX.bottom),
      back: (px) => x0 + ((px - BOX.left) / (W - BOX.left - BOX.right)) * (x1 - x0),
    };
  }

  function trace(xs, ys, scale, log) {
    let path = "", pen = false;
    for (let i = 0; i < xs.length; i++) {
      if (ys[i] === null || (log && ys[i] <= 0)) { pen = false; continue; }
      path += `${pen ? "L" : "M"}${scale.x(xs[i]).toFixed(1)} ${scale.y(ys[i]).toFixed(1)}`;
      pen = true;
    }
    return path;
  }

  function axes(svg, scale, log) {
    for (const value of log ? logTicks(scale.low, scale.high) : ticks(scale.low, scale.high, 4)) {
      const py = scale.y(value);
      made("line", { class: "grid", x1: BOX.left, x2: W - BOX.right, y1: py, y2: py }, svg);
      made("text", { x: BOX.left - 7, y: py + 4, "text-anchor": "end" }, svg, short(value));
    }
    made("line", { class: "axis", x1: BOX.left, x2: W - BOX.right, y1: H - BOX.bottom, y2: H - BOX.bottom }, svg);
    for (const x of ticks(scale.x0, scale.x1, 5)) {
      made("text", { x: scale.x(x), y: H - BOX.bottom + 16, "text-anchor": "middle" }, svg, short(x));
    }
  }

  function marks(svg, scale) {
    data.runs.forEach((run, number) => run.marks.forEach((mark) => {
      const px = scale.x(mark.x);
      const style = several ? `stroke: var(--c${number % 8})` : "";
      const line = made("line", { class: "mark", x1: px, x2: px, y1: BOX.top, y2: H - BOX.bottom, style }, svg);
      made("title", {}, line, mark.told);
    }));
  }

  function draw(figure) {
    const log = at("log").checked, weight = +at("smooth").value, { svg, curves } = figure;
    for (const each of curves) each.drawn = weight ? smoothed(each.y, weight) : each.y;
    const scale = (figure.scale = scales(curves, log));
    svg.replaceChildren();
    axes(svg, scale, log);
    if (at("marks").checked) marks(svg, scale);
    for (const each of [...curves].sort((a, b) => b.thin - a.thin)) {
      const path = { d: trace(each.x, each.drawn, scale, log), "stroke-dasharray": each.dash };
      const look = each.thin ? "stroke-width: 1; opacity: 0.5" : "stroke-width: 1.8";
      if (weight) {
        made("path", { d: trace(each.x, each.y, scale, log), style: `stroke: var(--c${each.colour}); opacity: 0.16` }, svg);
      }
      made("path", { ...path, style: `stroke: var(--c${each.colour}); ${look}` }, svg);
      if (each.x.length === 1 && each.y[0] !== null && !(log && each.y[0] <= 0)) {
        made("circle", { cx: scale.x(each.x[0]), cy: scale.y(each.y[0]), r: 3, style: `fill: var(--c${each.colour})` }, svg);
      }
    }
    figure.cursor = made("line", { class: "cursor", y1: BOX.top, y2: H - BOX.bottom, visibility: "hidden" }, svg);
    tell(figure, figure.step);
  }

  function tell(figure, step) {
    figure.step = step;
    figure.key.replaceChildren();
    if (step !== null) {
      const px = figure.scale.x(step);
      for (const side of ["x1", "x2"]) figure.cursor.setAttribute(side, px);
      const batches = data.runs[0].batches;
      made("span", {}, figure.key, `step ${step.toLocaleString("en")}` +
        (batches ? ` · epoch ${(step / batches).toFixed(2)}` : ""));
    }
    figure.cursor.setAttribute("visibility", step === null ? "hidden" : "visible");
    for (const each of figure.curves) {
      const item = made("span", {}, figure.key);
      const line = made("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }, item);
      const look = `stroke: var(--c${each.colour}); ${each.thin ? "stroke-width: 1; opacity: 0.6" : "stroke-width: 2"}`;
      made("path", { d: "M0 4L18 4", "stroke-dasharray": each.dash, style: look }, line);
      item.append(each.label);
      const i = step === null ? each.x.length - 1 : nearest(each.x, step);
      made("b", {}, item, exact(each.drawn[i]));
    }
  }

  // ---- the page

  function shown(name, curves) {
    const node = made("figure", {}, at("charts"));
    made("figcaption", {}, node, name);
    const svg = made("svg", {
      viewBox: `0 0 ${W} ${H}`, tabindex: 0, role: "img",
      "aria-label": `${name} over steps; left and right arrow keys read values`,
    }, node);
    const figure = { name, curves, svg, node, step: null, key: made("div", { class: "key", "aria-live": "polite" }, node) };
    const steps = [...new Set(curves.flatMap((each) => each.x))].sort((a, b) => a - b);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = figure.scale.back(((event.clientX - box.left) / box.width) * W);
      tell(figure, steps[nearest(steps, x)]);
    });
    svg.addEventListener("pointerleave", () => tell(figure, null));
    svg.addEventListener("blur", () => tell(figure, null));
    svg.addEventListener("keydown", (event) => {
      const here = figure.step === null ? steps.length - 1 : steps.indexOf(figure.step);
      const jump = event.shiftKey ? Math.max(1, Math.round(steps.length / 20)) : 1;
      const to = { ArrowLeft: here - jump, ArrowRight: here + jump, Home: 0, End: steps.length - 1 }[event.key];
      if (event.key === "Escape") tell(figure, null);
      if (to === undefined) return;
      event.preventDefault();
      tell(figure, steps[Math.min(steps.length - 1, Math.max(0, to))]);
    });
    return figure;
  }

  // What was chosen is kept behind the page's address, so that loading it again, also from a file, changes nothing.
  function recall() {
    const kept = new URLSearchParams(location.hash.slice(1));
    at("smooth").value = kept.get("smooth") || 0;
    at("log").checked = kept.get("log") === "1";
    at("marks").checked = kept.get("marks") !== "0";
    at("find").value = kept.get("find") || "";
  }

  function keep() {
    const kept = new URLSearchParams();
    if (+at("smooth").value) kept.set("smooth", at("smooth").value);
    if (at("log").checked) kept.set("log", "1");
    if (!at("marks").checked) kept.set("marks", "0");
    if (at("find").value) kept.set("find", at("find").value);
    if (kept.toString() !== location.hash.slice(1)) history.replaceState(null, "", "#" + kept);
  }

  function all() {
    at("smoothed").textContent = at("smooth").value;
    const wanted = at("find").value.toLowerCase();
    for (const figure of every) {
      figure.node.hidden = !figure.name.toLowerCase().includes(wanted);
      if (!figure.node.hidden) draw(figure);
    }
  }

  recall();
  const every = [...figures()].map(([name, curves]) => shown(name, curves));
  all();
  at("controls").addEventListener("input", () => { keep(); all(); });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  if (!every.length) made("p", {}, at("charts"), "The journal holds no number yet.");
  if (data.again) {
    setInterval(() => {
      const busy = every.some((figure) => figure.step !== null) || document.activeElement === at("find");
      if (!busy && !document.hidden) location.reload();
    }, 1000 * data.again);
  }
})();
