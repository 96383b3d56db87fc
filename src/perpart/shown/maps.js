// What the page holds, unpacked, and what is computed of it: values and colours of points, areas, the nearest true map.
"use strict";
const maps = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { n, truths, points: P } = data, all = n + truths, PARTS = data.parts.length;

  function unpacked(id, Kind) {
    const node = document.getElementById(id);
    if (!node) return null;
    const text = atob(node.textContent), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    node.remove();
    return new Kind(bytes.buffer);
  }
  const kinds = {
    points: Int16Array, normals: Int8Array, contact: Uint8Array, part: Uint8Array, direction: Int8Array,
    corners: Int16Array, facing: Int8Array, faces: data.wide ? Uint32Array : Uint16Array, near: Uint16Array, weight: Uint8Array,
    skin: Int16Array, outward: Int8Array, limb: Uint8Array, joined: Uint16Array,
  };
  const arrays = Object.fromEntries(Object.entries(kinds).map(([id, Kind]) => [id, unpacked(id, Kind)]));
  const contact = arrays.contact;
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const colours = data.colours.map(rgb), untouched = rgb(data.untouched);

  // ---- ramps: from untouched grey through colours that keep their order in any kind of colour vision

  const RAMPS = {
    contact: [untouched, [199, 220, 180], [110, 190, 185], [45, 125, 180], [25, 40, 110]],
    uncertainty: [untouched, [230, 205, 190], [225, 150, 120], [180, 65, 95], [85, 15, 80]],
    difference: [[0, 90, 160], [110, 170, 210], untouched, [235, 160, 105], [190, 70, 0]],
  };
  function ramp(name, share) {
    const stops = RAMPS[name], at = Math.min(Math.max(share, 0), 1) * (stops.length - 1), i = Math.min(at | 0, stops.length - 2);
    return stops[i].map((low, c) => low + (stops[i + 1][c] - low) * (at - i));
  }
  const TABLES = Object.fromEntries(Object.keys(RAMPS).map((name) => [name, Array.from({ length: 256 }, (_, i) => ramp(name, i / 255))]));
  const faded = (colour, strength) => untouched.map((grey, c) => grey + (colour[c] - grey) * strength);

  // ---- values of the points of a map, from the parts that are shown

  function most(map, shown) { // per point the strongest contact among the parts shown, and whose it is
    const value = new Uint8Array(P), whose = new Uint8Array(P);
    const chosen = data.parts.map((_, k) => k).filter((k) => shown[k]);
    for (let p = 0, at = map * P * PARTS; p < P; p++, at += PARTS) {
      for (const k of chosen) if (contact[at + k] > value[p]) { value[p] = contact[at + k]; whose[p] = k; }
    }
    return { value, whose };
  }

  function moments(from, to, shown) { // mean and standard deviation (population) over some maps, in [0, 1]
    const sum = new Float64Array(P), square = new Float64Array(P), count = to - from;
    for (let map = from; map < to; map++) {
      const { value } = most(map, shown);
      for (let p = 0; p < P; p++) { const v = value[p] / 255; sum[p] += v; square[p] += v * v; }
    }
    const mean = sum.map((s) => s / count);
    return { mean, spread: square.map((s, p) => Math.sqrt(Math.max(0, s / count - mean[p] ** 2))) };
  }

  function distance(a, b) { // 1 - (sum of minima / sum of maxima) over all points and parts: 0 for equal maps, 1 for disjoint
    let low = 0, high = 0;
    for (let i = a * P * PARTS, j = b * P * PARTS, end = i + P * PARTS; i < end; i++, j++) {
      const x = contact[i], y = contact[j];
      if (x < y) { low += x; high += y; } else { low += y; high += x; }
    }
    return high ? 1 - low / high : 0;
  }
  const partners = new Map();
  function partner(map) { // of a sample the nearest true map, of a true map the nearest sample
    if (!partners.has(map)) {
      let best = null;
      for (let other = map < n ? n : 0; other < (map < n ? all : n); other++) {
        const far = distance(map, other);
        if (!best || far < best.far) best = { map: other, far };
      }
      partners.set(map, best);
    }
    return partners.get(map);
  }

  let kept = { key: "", found: null };
  function overAll(shown) {
    const key = shown.map(Number).join("");
    if (kept.key !== key) {
      kept = { key, found: { samples: moments(0, n, shown), truths: truths ? moments(n, all, shown) : null } };
    }
    return kept.found;
  }

  function difference(map, look) { // sample minus truth, in [-1, 1]
    if (look.means) {
      const { samples, truths: them } = overAll(look.shown);
      return samples.mean.map((mean, p) => mean - them.mean[p]);
    }
    const other = partner(map).map, [a, b] = map < n ? [map, other] : [other, map];
    const x = most(a, look.shown).value, y = most(b, look.shown).value;
    return Float64Array.from(x, (value, p) => (value - y[p]) / 255);
  }

  // Colours [points, 4]: red, green, blue, and the contact that the threshold cuts (0: there is none to cut).
  function painted(map, look) {
    const out = new Uint8Array(P * 4);
    const set = (p, colour, level) => { out[4 * p] = colour[0]; out[4 * p + 1] = colour[1]; out[4 * p + 2] = colour[2]; out[4 * p + 3] = level; };
    if (look.mode === "uncertainty") {
      overAll(look.shown).samples.spread.forEach((s, p) => set(p, TABLES.uncertainty[Math.round(s * 2 * 255)], 0));
    } else if (look.mode === "difference") {
      difference(map, look).forEach((d, p) => set(p, TABLES.difference[Math.round((d + 1) * 127.5)], 0));
    } else if (look.mode === "one") {
      for (let p = 0; p < P; p++) {
        const level = contact[(map * P + p) * PARTS + look.part];
        set(p, faded(colours[look.part], level / 255), level);
      }
    } else {
      const { value, whose } = most(map, look.shown);
      for (let p = 0; p < P; p++) {
        if (look.mode === "contact") set(p, TABLES.contact[value[p]], value[p]);
        else if (look.mode === "part") set(p, faded(colours[whose[p]], value[p] / 255), value[p]);
        else set(p, faded(colours[nearest(map, p)], 0.3 + 0.7 * (value[p] / 255)), value[p]);
      }
    }
    return out;
  }

  function nearest(map, p) { // the part map's part; of a true map, which has none, the part that touches most
    if (map < n) return arrays.part[map * P + p];
    const at = (map * P + p) * PARTS;
    let best = 0;
    for (let k = 1; k < PARTS; k++) if (contact[at + k] > contact[at + best]) best = k;
    return best;
  }

  // ---- areas: every point stands for the same share of the surface

  const steps = (threshold) => Math.ceil(threshold * 255 - 1e-9);
  function areas(map, threshold) { // cm² per part where contact reaches the threshold
    const count = new Float64Array(PARTS), least = steps(threshold);
    for (let i = map * P * PARTS, end = i + P * PARTS, k = 0; i < end; i++, k = k + 1 === PARTS ? 0 : k + 1) {
      if (contact[i] >= least) count[k]++;
    }
    return count.map((c) => (c * data.area) / P);
  }
  function areaOfAny(map, look) {
    const least = steps(look.threshold);
    return (most(map, look.shown).value.reduce((sum, v) => sum + (v >= least), 0) * data.area) / P;
  }
  const meanAreas = (from, to, threshold) => {
    const sum = new Float64Array(PARTS);
    for (let map = from; map < to; map++) areas(map, threshold).forEach((a, k) => { sum[k] += a / (to - from); });
    return sum;
  };

  const place = (p) => [0, 1, 2].map((c) => data.middle[c] + (arrays.points[3 * p + c] / 32767) * data.half);
  function at(map, p) { // all that is known of one point in one map
    const from = (map * P + p) * PARTS;
    return {
      place: place(p),
      contact: Array.from(contact.subarray(from, from + PARTS), (v) => v / 255),
      nearest: map < n ? arrays.part[map * P + p] : null,
      direction: map < n ? Array.from(arrays.direction.subarray((map * P + p) * 3, (map * P + p) * 3 + 3), (v) => v / 127) : null,
    };
  }

  return { data, arrays, all, PARTS, colours, untouched, ramp, painted, areas, areaOfAny, meanAreas, overAll, difference, partner, at };
})();
