// The page: what is chosen, kept behind the page's address; buttons, keys and pointer; bars, legend and the tip at a point.
"use strict";
(() => {
  const { data, all } = maps, { n, truths } = data, { camera } = scene;
  const at = (id) => document.getElementById(id);
  const canvas = at("view"), root = document.documentElement;
  const several = n > 1;
  const spoken = (name) => name.replace(/(\d)$/, " $1");
  const MODES = [
    { name: "contact", key: "c", label: "contact", tells: "the strongest contact of the parts that are switched on" },
    { name: "part", key: "p", label: "touching part", tells: "the part that touches most, as strong as it touches" },
    { name: "one", key: "o", label: "one part", tells: "contact of one part alone" },
    { name: "nearest", key: "n", label: "nearest part", tells: "the part map: whose surface is nearest; pale where nothing touches" },
    { name: "uncertainty", key: "u", label: "uncertainty", tells: "standard deviation of contact over all samples", can: several, why: "needs two samples or more" },
    { name: "difference", key: "d", label: "difference to truth", tells: "sample minus truth", can: truths > 0, why: "no truth was given" },
  ];
  const LAYERS = [
    { name: "surface", key: "s", label: "surface", can: data.mesh },
    { name: "dots", key: "v", label: "points", can: data.mesh },
    { name: "hand", key: "h", label: "fitted hand", can: data.hands.length > 0 },
    { name: "solid", key: "b", label: "solid hand", can: data.hands.length > 0 },
    { name: "line", key: "l", label: "line at the threshold", can: data.mesh },
  ];
  const state = {
    map: 0, mode: "contact", part: 3, shown: data.parts.map(() => true), threshold: 0.5, only: false, grid: false, means: false,
    surface: data.mesh, dots: false, hand: data.hands.length > 0, solid: false, line: true,
  };
  const FLAGS = ["only", "grid", "means", "surface", "dots", "hand", "solid", "line"];

  function made(tag, attributes, parent, text) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }
  const called = (map) => (map < n ? `sample ${map}` : `true map ${map - n}`);
  const css = (rgb) => `rgb(${rgb.map(Math.round)})`;

  // ---- what was chosen is kept behind the page's address, so that a link shows the same view

  const defaults = JSON.stringify(state);
  const stand = () => [camera.around, camera.above, camera.far, ...camera.aside.map((v) => v * 1000)].map((v) => +v.toFixed(2)).join();
  const straight = stand();
  function keep() {
    const was = JSON.parse(defaults), kept = new URLSearchParams();
    for (const name of ["map", "mode", "part", "threshold"]) if (state[name] !== was[name]) kept.set(name, state[name]);
    for (const name of FLAGS) if (state[name] !== was[name]) kept.set(name, +state[name]);
    if (state.shown.includes(false)) kept.set("parts", state.shown.map(Number).join(""));
    if (stand() !== straight) kept.set("look", stand());
    if (kept.toString() !== location.hash.slice(1)) history.replaceState(null, "", "#" + kept);
  }
  function recall() {
    const kept = new URLSearchParams(location.hash.slice(1));
    const number = (name, low, high) => { const v = +kept.get(name); if (kept.has(name) && v >= low && v <= high) state[name] = v; };
    number("map", 0, all - 1); number("part", 0, 15); number("threshold", 0.02, 0.98);
    state.map |= 0;
    if (MODES.some((mode) => mode.name === kept.get("mode") && mode.can !== false)) state.mode = kept.get("mode");
    for (const name of FLAGS) if (kept.has(name)) state[name] = kept.get(name) === "1";
    if (/^[01]{16}$/.test(kept.get("parts") || "")) state.shown = [...kept.get("parts")].map((c) => c === "1");
    const look = (kept.get("look") || "").split(",").map(Number);
    if (look.length === 6 && look.every(Number.isFinite)) {
      [camera.around, camera.above, camera.far] = look;
      camera.aside = look.slice(3).map((v) => v / 1000);
    }
  }

  // ---- drawing

  const painted = new Map();
  let paintedFor = "";
  function colours(map) {
    const key = [state.mode, state.part, state.means, state.shown].join();
    if (key !== paintedFor) { painted.clear(); paintedFor = key; }
    if (!painted.has(map)) painted.set(map, maps.painted(map, state));
    return painted.get(map);
  }
  const look = () => ({
    ...state, colours, solid: state.solid,
    line: state.line && !["uncertainty", "difference"].includes(state.mode), only: state.only && !["uncertainty", "difference"].includes(state.mode),
  });
  const PAGE = 60; // maps in one grid
  function arranged(width, height) { // the cells, in pixels of the canvas
    const first = state.grid ? Math.floor(state.map / PAGE) * PAGE : state.map;
    const shown = state.grid ? Array.from({ length: Math.min(PAGE, all - first) }, (_, i) => first + i) : [state.map];
    let columns = 1, best = 0;
    for (let c = 1; c <= shown.length; c++) {
      const side = Math.min(width / c, height / Math.ceil(shown.length / c));
      if (side > best) { best = side; columns = c; }
    }
    const wide = Math.floor(width / columns), high = Math.floor(height / Math.ceil(shown.length / columns));
    return { columns, cells: shown.map((map, i) => ({ map, x: (i % columns) * wide, y: Math.floor(i / columns) * high, wide, high })) };
  }
  const paper = () => getComputedStyle(at("frame")).backgroundColor.match(/\d+/g).slice(0, 3).map(Number);
  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }
  let current = { cells: [], columns: 1 };
  function draw() {
    const box = canvas.getBoundingClientRect(), ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.max(1, Math.round(box.width * ratio)), Math.max(1, Math.round(box.height * ratio))];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const foot = state.grid ? at("scale").offsetHeight + 8 : 0; // the legend's, so that it covers no map
    at("cells").style.bottom = `${foot}px`;
    current = arranged(width, height - Math.round(foot * ratio));
    scene.draw(current.cells, look(), paper());
    labels();
    keep();
  }
  function labels() {
    const key = state.grid ? [current.columns, current.cells.map((cell) => cell.map), state.map].join() : "";
    if (at("cells").dataset.key === key) return;
    at("cells").dataset.key = key;
    at("cells").replaceChildren();
    if (!state.grid) return;
    at("cells").style.gridTemplateColumns = `repeat(${current.columns}, 1fr)`;
    at("cells").style.gridAutoRows = `${100 / Math.ceil(current.cells.length / current.columns)}%`;
    for (const { map } of current.cells) {
      const button = made("button", { type: "button", title: `show ${called(map)} alone`, "aria-current": map === state.map }, at("cells"), map < n ? map : `true ${map - n}`);
      button.addEventListener("click", () => change({ map, grid: false }));
    }
  }

  // ---- the panel

  function controls() {
    for (const mode of MODES) {
      const label = made("label", { title: mode.can === false ? mode.why : `${mode.tells} (${mode.key})` }, at("modes"));
      made("input", { type: "radio", name: "mode", value: mode.name, id: "mode-" + mode.name }, label).disabled = mode.can === false;
      label.classList.toggle("off", mode.can === false);
      label.append(mode.name === "one" ? "only" : mode.label);
      if (mode.name === "one") {
        const select = made("select", { id: "part", "aria-label": "which part" }, label);
        data.parts.forEach((part, k) => made("option", { value: k }, select, spoken(part)));
        select.addEventListener("input", () => change({ part: +select.value, mode: "one" }));
      }
    }
    const means = made("label", { id: "meanslabel", title: "mean over the samples minus mean over the true maps" }, at("modes"));
    made("input", { type: "checkbox", id: "means" }, means);
    means.append("of the means");
    for (const layer of LAYERS) {
      const label = made("label", { title: layer.key }, at("layers"));
      made("input", { type: "checkbox", id: layer.name }, label).disabled = !layer.can;
      label.classList.toggle("off", !layer.can);
      label.append(layer.label);
    }
    for (const [d, digit] of data.digits.entries()) {
      digit.parts.forEach((k, i) => {
        const row = made("tr", { class: i ? "" : "first" }, at("parts"));
        if (!i) {
          const head = made("th", { scope: "rowgroup", rowspan: digit.parts.length }, row);
          const group = made("button", { type: "button", id: "digit-" + digit.name, title: `all of the ${digit.name} (${d})` }, head, digit.name);
          group.addEventListener("click", () => toggle(digit.parts));
        }
        const button = made("button", { type: "button", id: "part-" + data.parts[k], "aria-label": spoken(data.parts[k]) }, made("td", { class: "name" }, row));
        made("i", { class: "swatch", style: `background:${data.colours[k]}` }, button);
        button.append(digit.parts.length > 1 ? ["base", "middle", "tip"][i] : "palm");
        button.addEventListener("click", () => toggle([k]));
        const bar = made("div", { class: "bar", id: "bar-" + data.parts[k], "aria-hidden": "true" }, made("td", {}, row));
        made("i", { style: `background:${data.colours[k]}` }, bar);
        if (several) made("u", { title: "mean of all samples" }, bar);
        if (truths) made("s", { title: "mean of the true maps" }, bar);
        made("td", { id: "area-" + data.parts[k] }, row);
      });
    }
    at("key").innerHTML = `Together, parts that are on: <b id="together"></b> cm² of <b>${data.area.toFixed(1)}</b>.` +
      (several ? " Line: mean of all samples." : "") + (truths ? " Ring: mean of the true maps." : "");
    at("map").max = all - 1;
    for (const id of ["map", "before", "after", "grid"]) at(id).disabled = all < 2;
    at("facts").replaceChildren();
    const counted = `${n} sample${several ? "s" : ""}${truths ? ` and ${truths} true map${truths > 1 ? "s" : ""}` : ""} on ${data.points.toLocaleString("en")} points`;
    for (const fact of [counted, ...data.facts]) made("span", {}, at("facts"), fact);
  }

  let means = { threshold: -1 };
  function bars() {
    if (means.threshold !== state.threshold) {
      means = { threshold: state.threshold, samples: maps.meanAreas(0, n, state.threshold), truths: truths ? maps.meanAreas(n, all, state.threshold) : null };
    }
    const areas = maps.areas(state.map, state.threshold), widest = Math.max(1, ...areas, ...means.samples, ...(means.truths || []));
    const share = (area) => `${(100 * area) / widest}%`;
    data.parts.forEach((part, k) => {
      const bar = at("bar-" + part);
      bar.querySelector("i").style.width = share(areas[k]);
      if (several) bar.querySelector("u").style.left = share(means.samples[k]);
      if (truths) bar.querySelector("s").style.left = share(means.truths[k]);
      at("area-" + part).textContent = areas[k].toFixed(1);
      bar.style.opacity = state.shown[k] ? 1 : 0.35;
      at("part-" + part).setAttribute("aria-pressed", state.shown[k]);
    });
    for (const { name, parts } of data.digits) {
      const on = parts.filter((k) => state.shown[k]).length;
      at("digit-" + name).setAttribute("aria-pressed", on === parts.length ? "true" : on ? "mixed" : "false");
    }
    const on = state.shown.filter(Boolean).length;
    at("every").setAttribute("aria-pressed", on === 16 ? "true" : on ? "mixed" : "false");
    at("together").textContent = maps.areaOfAny(state.map, state).toFixed(1);
    return areas;
  }
  function words(areas) { // "thumb 2 3, index 3"
    const found = data.digits.map(({ name, parts }) => [name, ...parts.map((k, i) => (areas[k] > 0 && parts.length > 1 ? i + 1 : "")).filter(Boolean)].join(" "))
      .filter((_, d) => data.digits[d].parts.some((k) => areas[k] > 0));
    return found.join(", ") || "nothing touches";
  }

  function legend() {
    const mode = MODES.find((each) => each.name === state.mode), node = at("scale");
    node.replaceChildren();
    const heads = { one: `contact of ${spoken(data.parts[state.part])}`, difference: "sample minus truth", uncertainty: "standard deviation of contact over samples" };
    made("b", {}, node, heads[state.mode] || mode.label);
    if (["part", "nearest"].includes(state.mode)) {
      const row = made("div", { class: "digits" }, node);
      for (const { name, parts } of data.digits) {
        const item = made("span", {}, row);
        for (const k of parts) made("i", { style: `background:${state.shown[k] || state.mode === "nearest" ? data.colours[k] : css(maps.untouched)}` }, item);
        item.append(name);
      }
      return;
    }
    const stops = Array.from({ length: 9 }, (_, i) => css(state.mode === "one"
      ? maps.untouched.map((g, c) => g + ((maps.colours[state.part][c] - g) * i) / 8) : maps.ramp(state.mode, i / 8)));
    const bar = made("div", { class: "ramp", style: `background:linear-gradient(to right, ${stops})` }, node);
    if (["contact", "one"].includes(state.mode)) made("i", { style: `left:${100 * state.threshold}%` }, bar);
    const ends = { difference: ["−1 truth only", "0", "sample only +1"], uncertainty: ["0", "0.25", "0.5"] }[state.mode] || ["0", "0.5", "1"];
    const row = made("div", { class: "ends" }, node);
    for (const end of ends) made("span", {}, row, end);
    if (state.mode === "difference") made("div", {}, node, against());
  }
  function against() {
    if (state.means) return "mean of the samples minus mean of the true maps";
    const { map, far } = maps.partner(state.map);
    return `against ${called(map)}, the nearest of ${state.map < n ? truths : n} (distance ${far.toFixed(2)})`;
  }

  function show() {
    const areas = bars();
    at("mode-" + state.mode).checked = true;
    at("part").value = state.part;
    at("meanslabel").hidden = state.mode !== "difference";
    at("meanslabel").style.display = state.mode === "difference" ? "" : "none";
    for (const name of ["means", "only", ...LAYERS.map((layer) => layer.name)]) at(name).checked = state[name];
    at("threshold").value = state.threshold;
    at("level").textContent = state.threshold.toFixed(2);
    at("map").value = state.map;
    at("map").setAttribute("aria-valuetext", called(state.map));
    at("grid").setAttribute("aria-pressed", state.grid);
    at("which").innerHTML = `<b>${called(state.map)}</b>${words(areas)}`;
    at("which").title = words(areas);
    legend();
    tip(null);
    redraw();
  }
  function change(changes) { Object.assign(state, changes); show(); }
  function toggle(parts) { // on if any of them was off
    const on = parts.some((k) => !state.shown[k]);
    change({ shown: state.shown.map((was, k) => (parts.includes(k) ? on : was)) });
  }
  const step = (by) => change({ map: Math.min(all - 1, Math.max(0, state.map + by)) });
  const level = (by) => change({ threshold: Math.min(0.98, Math.max(0.02, Math.round((state.threshold + by) * 100) / 100)) });
  const dark = () => (root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark") && redraw();

  // ---- a point under the pointer

  function tip(event) {
    const node = at("tip");
    node.hidden = true;
    if (at("mark")) at("mark").remove();
    if (!event) return;
    const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
    const x = (event.clientX - box.left) * ratio, y = (event.clientY - box.top) * ratio;
    const cell = current.cells.find((each) => x >= each.x && x < each.x + each.wide && y >= each.y && y < each.y + each.high);
    const p = cell ? scene.pick(cell, x - cell.x, y - cell.y, state.surface) : -1;
    if (p < 0) return;
    told(node, cell.map, p);
    const [px, py] = scene.where(cell, p).map((v, i) => (v + (i ? cell.y : cell.x)) / ratio);
    made("i", { id: "mark", style: `left:${px}px;top:${py}px` }, at("frame"));
    node.hidden = false;
    const left = px + 22 + node.offsetWidth < box.width ? px + 22 : px - 22 - node.offsetWidth;
    node.style.left = `${Math.max(4, left)}px`;
    node.style.top = `${Math.max(4, Math.min(py - 20, box.height - node.offsetHeight - 4))}px`;
  }
  function told(node, map, p) {
    const found = maps.at(map, p), mm = found.place.map((v) => (v * 1000).toFixed(1)).join(", ");
    node.replaceChildren();
    made("p", {}, node, `${called(map)}, point ${p}`);
    const rows = found.contact.map((value, k) => ({ value, k })).filter(({ value }) => value >= 0.02).sort((a, b) => b.value - a.value);
    const table = made("table", {}, node);
    for (const { value, k } of rows.slice(0, 6)) {
      const row = made("tr", {}, table), name = made("td", {}, row);
      made("i", { class: "swatch", style: `background:${data.colours[k]}` }, name);
      name.append(spoken(data.parts[k]));
      made("td", {}, row, value.toFixed(2));
    }
    if (!rows.length) made("p", {}, node, "no part touches here");
    if (rows.length > 6) made("p", {}, node, `and ${rows.length - 6} more`);
    if (several) {
      const { mean, spread } = maps.overAll(state.shown).samples;
      made("p", {}, node, `all samples: ${mean[p].toFixed(2)} ± ${spread[p].toFixed(2)}`);
    }
    if (state.mode === "difference") made("p", {}, node, `sample − truth: ${maps.difference(map, state)[p].toFixed(2)}`);
    if (found.nearest !== null) {
      made("p", {}, node, `nearest part: ${spoken(data.parts[found.nearest])}, seen from its joint at (${found.direction.map((v) => v.toFixed(2)).join(", ")})`);
    }
    made("p", {}, node, `x, y, z: ${mm} mm`);
  }

  // ---- pointer and keys

  function pointer() {
    let held = null, asked = 0;
    canvas.addEventListener("pointerdown", (event) => {
      held = { x: event.clientX, y: event.clientY, move: event.shiftKey || event.button === 2 };
      canvas.setPointerCapture(event.pointerId);
      tip(null);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) {
        cancelAnimationFrame(asked);
        asked = requestAnimationFrame(() => tip(event));
        return;
      }
      const dx = event.clientX - held.x, dy = event.clientY - held.y, ratio = canvas.width / canvas.clientWidth;
      if (held.move) scene.move(current.cells[0], dx * ratio, dy * ratio); else scene.turn(dx * 0.45, dy * 0.45);
      Object.assign(held, { x: event.clientX, y: event.clientY });
      redraw();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
    canvas.addEventListener("pointerleave", () => { cancelAnimationFrame(asked); tip(null); });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); tip(null); scene.zoom(Math.exp(event.deltaY * 0.0012)); redraw(); }, { passive: false });
  }

  const flip = (name) => () => change({ [name]: !state[name] });
  const KEYS = [
    { keys: ["ArrowLeft"], told: "← →", tells: "the map before, after (on the view: turn it)", act: () => step(-1) },
    { keys: ["ArrowRight"], act: () => step(1) },
    { keys: ["Home"], told: "Home End", tells: "first and last map", act: () => change({ map: 0 }) },
    { keys: ["End"], act: () => change({ map: all - 1 }) },
    { keys: ["g"], told: "g", tells: "all maps side by side", act: () => all > 1 && flip("grid")() },
    ...MODES.map((mode) => ({ keys: [mode.key], told: mode.key, tells: "colour: " + mode.label, act: () => mode.can !== false && change({ mode: mode.name }) })),
    ...data.digits.map(({ name, parts }, d) => ({ keys: [String(d)], told: d ? "" : "0 … 5", tells: "palm, thumb … little finger on or off", act: () => toggle(parts) })),
    { keys: ["a"], told: "a", tells: "all parts on or off", act: () => toggle(data.parts.map((_, k) => k)) },
    { keys: ["["], told: "[ ]", tells: "threshold down, up", act: () => level(-0.05) },
    { keys: ["]"], act: () => level(0.05) },
    { keys: ["e"], told: "e", tells: "leave what is below uncoloured", act: flip("only") },
    ...LAYERS.map((layer) => ({ keys: [layer.key], told: layer.key, tells: layer.label, act: () => layer.can && flip(layer.name)() })),
    { keys: ["+", "="], told: "+ −", tells: "nearer, farther", act: () => { scene.zoom(0.88); redraw(); } },
    { keys: ["-"], act: () => { scene.zoom(1.14); redraw(); } },
    { keys: ["r"], told: "r", tells: "the view as it was", act: () => { scene.reset(); redraw(); } },
    { keys: ["x"], told: "x", tells: "save a picture (PNG)", act: () => picture() },
    { keys: ["t"], told: "t", tells: "light or dark", act: dark },
    { keys: ["?"], told: "?", tells: "this page of keys", act: () => at("keys").showModal() },
  ];
  const TURNS = { ArrowLeft: [-6, 0], ArrowRight: [6, 0], ArrowUp: [0, 6], ArrowDown: [0, -6] };
  function keyboard() {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || at("keys").open) return;
      const own = event.target.matches("select, input[type=range], input[type=radio]") && (event.key.startsWith("Arrow") || ["Home", "End"].includes(event.key));
      if (own || event.target.matches("select")) return;
      if (event.target === canvas && TURNS[event.key]) {
        scene.turn(...TURNS[event.key]);
        tip(null);
        redraw();
      } else {
        const found = KEYS.find((each) => each.keys.includes(event.key));
        if (!found) return;
        found.act();
      }
      event.preventDefault();
    });
    for (const { told, tells } of KEYS.filter((each) => each.told)) { made("dt", {}, at("keylist"), told); made("dd", {}, at("keylist"), tells); }
  }
  function notes() {
    const said = [
      "Drag turns the view, Shift and drag (or the right button) moves it, the wheel zooms. Point at the object to read a point's values.",
      `Areas: every point stands for the same share of the surface, ${(data.area / data.points).toFixed(4)} cm² (${data.area.toFixed(1)} cm² by ${data.points.toLocaleString("en")} points). ` +
        (data.mesh ? "The surface is the mesh's own." : "There is no mesh: the surface is estimated from how closely the points lie."),
      "On the surface colours are means of the four points nearest on the same side; numbers are always of single points.",
      `In this page contact is kept in steps of 1/255, directions in steps of 1/127, places in steps of ${((data.half / 32767) * 1e6).toFixed(1)} µm. The arrays in the sampling folder are finer.`,
      "Uncertainty: at each point, of the strongest contact of the parts that are on, the standard deviation over all samples.",
      "Difference: a sample minus the true map nearest to it, or the other way round for a true map shown; nearest by one minus the sum of minima over the sum of maxima of all values.",
      "Bones are numbered from base (1) to tip (3). Colours: Okabe and Ito, lighter towards the tip.",
    ];
    if (data.hands.length) said.push("Fitted hands are drawn with fewer triangles than their files hold; parts that are off are grey.");
    for (const line of said) made("p", {}, at("notes"), line);
  }

  // ---- a picture: the view, with its title and its legend

  function picture() {
    draw();
    const ratio = canvas.width / canvas.clientWidth, style = getComputedStyle(document.body), sheet = document.createElement("canvas");
    const top = Math.round(46 * ratio), foot = Math.round(64 * ratio), pen = sheet.getContext("2d");
    [sheet.width, sheet.height] = [canvas.width, canvas.height + top + foot];
    pen.fillStyle = css(paper());
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.drawImage(canvas, 0, top);
    const write = (text, x, y, bold, align = "left") => {
      pen.font = `${bold ? "600 " : ""}${Math.round((bold ? 16 : 12.5) * ratio)}px ${style.fontFamily}`;
      pen.fillStyle = style.color;
      pen.textAlign = align;
      pen.fillText(text, x, y);
    };
    write(`${data.title}: ${state.grid ? "all maps" : called(state.map)}`, 16 * ratio, 28 * ratio, true);
    if (state.grid) for (const cell of current.cells) write(cell.map < n ? cell.map : `true ${cell.map - n}`, cell.x + 12 * ratio, top + cell.y + 16 * ratio, false);
    const low = top + canvas.height;
    write(at("scale").querySelector("b").textContent, 16 * ratio, low + 20 * ratio, false);
    swatches(pen, 16 * ratio, low + 30 * ratio, ratio, write);
    const name = `${data.title.replace(/\.[^.]*$/, "")} ${state.grid ? "all" : called(state.map)} ${state.mode}`.replace(/[^\w.-]+/g, "_");
    sheet.toBlob((blob) => {
      const link = made("a", { href: URL.createObjectURL(blob), download: name + ".png" }, document.body);
      root.dataset.saved = `${name}.png ${sheet.width}x${sheet.height} ${blob.size}`;
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }
  function swatches(pen, x, y, ratio, write) {
    if (["part", "nearest"].includes(state.mode)) {
      for (const { name, parts } of data.digits) {
        for (const k of parts) { pen.fillStyle = data.colours[k]; pen.fillRect(x, y, 11 * ratio, 12 * ratio); x += 12 * ratio; }
        write(name, x + 5 * ratio, y + 11 * ratio, false);
        x += pen.measureText(name).width + 20 * ratio;
      }
      return;
    }
    for (let i = 0; i < 200; i++) {
      pen.fillStyle = css(state.mode === "one" ? maps.untouched.map((g, c) => g + ((maps.colours[state.part][c] - g) * i) / 199) : maps.ramp(state.mode, i / 199));
      pen.fillRect(x + i * ratio, y, ratio + 1, 10 * ratio);
    }
    const ends = [...at("scale").querySelectorAll(".ends span")].map((span) => span.textContent);
    ends.forEach((end, i) => write(end, x + 100 * i * ratio, y + 24 * ratio, false, ["left", "center", "right"][i]));
  }

  // ---- the start

  root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  if (!scene.start(canvas)) {
    at("trouble").textContent = "This browser has no WebGL: the points are drawn plainly, without surface and hand.";
    at("trouble").hidden = false;
    for (const layer of LAYERS) Object.assign(layer, { can: false });
    Object.assign(state, { surface: false, hand: false });
  }
  recall();
  controls();
  notes();
  at("panel").addEventListener("submit", (event) => event.preventDefault());
  at("panel").addEventListener("input", (event) => {
    const { id, name, value, checked, type } = event.target;
    if (name === "mode") change({ mode: value });
    else if (id === "threshold") change({ threshold: +value });
    else if (type === "checkbox") change({ [id]: checked });
  });
  at("every").addEventListener("click", () => toggle(data.parts.map((_, k) => k)));
  at("map").addEventListener("input", () => change({ map: +at("map").value }));
  at("before").addEventListener("click", () => step(-1));
  at("after").addEventListener("click", () => step(1));
  at("grid").addEventListener("click", flip("grid"));
  at("theme").addEventListener("click", dark);
  at("help").addEventListener("click", () => at("keys").showModal());
  at("picture").addEventListener("click", picture);
  pointer();
  keyboard();
  show();
  new ResizeObserver(redraw).observe(at("frame"));
  draw();
  scene.finish();
  root.dataset.ready = Math.round(performance.now());
})();
