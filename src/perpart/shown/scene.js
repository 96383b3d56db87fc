// The view in 3-D: a camera that turns around the object, WebGL that draws surface, points and hand, and what lies under
// the pointer. Without WebGL a plain canvas draws the points.
"use strict";
const scene = (() => {
  const { data, arrays } = maps, P = data.points, HALF = data.half;
  const camera = { around: -60, above: 22, far: 1, aside: [0, 0, 0] };
  const LENS = 1 / Math.tan((13 * Math.PI) / 180); // a long lens: 26 degrees, little perspective
  const seen = data.mesh ? arrays.corners : arrays.points;
  let radius = 0;
  for (let i = 0; i < seen.length; i += 3) radius = Math.max(radius, Math.hypot(seen[i], seen[i + 1], seen[i + 2]));
  radius *= HALF / 32767;
  const spacing = Math.sqrt(data.area / 1e4 / P);

  // ---- the camera: where it looks from, and what that makes of a place (metres from the object's middle)

  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  function eye(wide, high) {
    const a = (camera.around * Math.PI) / 180, e = (camera.above * Math.PI) / 180;
    const toward = [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)];
    const right = [-Math.sin(a), Math.cos(a), 0];
    const up = [toward[1] * right[2] - toward[2] * right[1], toward[2] * right[0] - toward[0] * right[2], toward[0] * right[1] - toward[1] * right[0]];
    const lens = LENS * Math.min(1, wide / high), away = (radius * 1.02 * LENS) * camera.far + 1e-6;
    const at = toward.map((t, c) => camera.aside[c] + t * away);
    const near = Math.max(away - 4 * radius, away / 50), far = away + 4 * radius;
    return { toward, right, up, at, away, near, far, sx: (lens * high) / wide, sy: lens, wide, high };
  }
  const FAR = (() => { // from where the first view holds all hands, which are larger than what they hold
    const e = eye(1, 1), skin = arrays.skin ?? [];
    let away = e.away;
    for (let i = 0; i < skin.length; i += 3) {
      const place = [skin[i], skin[i + 1], skin[i + 2]].map((v) => (v * HALF) / 32767);
      const across = Math.max(Math.abs(dot(e.right, place)), Math.abs(dot(e.up, place)));
      away = Math.max(away, across * LENS + dot(e.toward, place));
    }
    return Math.min(away / e.away, 2.5);
  })();
  camera.far = FAR;
  function matrix(e) { // column by column, as WebGL wants it
    const a = (e.far + e.near) / (e.near - e.far), b = (2 * e.far * e.near) / (e.near - e.far);
    const shift = [e.right, e.up, e.toward].map((axis) => -dot(axis, e.at));
    const columns = [0, 1, 2].map((c) => [e.sx * e.right[c], e.sy * e.up[c], a * e.toward[c], -e.toward[c]]);
    return new Float32Array([...columns.flat(), e.sx * shift[0], e.sy * shift[1], a * shift[2] + b, -shift[2]]);
  }
  function projected(e, x, y, z) { // pixels from the cell's upper left corner, and how far away
    const d = [x - e.at[0], y - e.at[1], z - e.at[2]], depth = -dot(e.toward, d);
    return [((e.sx * dot(e.right, d)) / depth + 1) * 0.5 * e.wide, (1 - (e.sy * dot(e.up, d)) / depth) * 0.5 * e.high, depth];
  }

  // ---- WebGL

  const HEAD = "#version 300 es\nprecision highp float;\nprecision highp int;\n";
  const LIT = `
    vec3 lit(vec3 colour, vec3 normal, vec3 toward, vec3 up, vec3 right) {
      vec3 n = normalize(normal), lamp = normalize(toward + 0.55 * up - 0.45 * right);
      if (dot(n, toward) < 0.0) n = -n;
      float rim = pow(1.0 - dot(n, toward), 3.0);
      float gleam = pow(max(dot(reflect(-lamp, n), toward), 0.0), 24.0);
      return colour * (0.64 + 0.42 * max(dot(n, lamp), 0.0) - 0.28 * rim) + 0.06 * gleam;
    }`;
  const PROGRAMS = {
    surface: [`
      layout(location=0) in vec3 place; layout(location=1) in vec3 facing; layout(location=2) in uvec4 near; layout(location=3) in vec4 weight;
      uniform mat4 view; uniform float half_; uniform sampler2D map;
      out vec3 normal; out vec4 value;
      vec4 of(uint p) { return texelFetch(map, ivec2(int(p % 1024u), int(p / 1024u)), 0); }
      void main() {
        gl_Position = view * vec4(place * half_, 1.0); normal = facing;
        value = (weight.x * of(near.x) + weight.y * of(near.y) + weight.z * of(near.z) + weight.w * of(near.w)) / dot(weight, vec4(1.0));
      }`, `
      in vec3 normal; in vec4 value; out vec4 pixel;
      uniform vec3 toward, up, right, untouched; uniform float threshold, line, only;
      ${LIT}
      void main() {
        vec3 colour = only > 0.5 && value.a < threshold ? untouched : value.rgb;
        colour = lit(colour, normal, toward, up, right);
        float width = max(fwidth(value.a), 1e-5);
        float on = line * (1.0 - smoothstep(0.5, 1.5, abs(value.a - threshold) / width)) * step(width, 0.25);
        pixel = vec4(mix(colour, vec3(0.1, 0.11, 0.13), 0.8 * on), 1.0);
      }`],
    points: [`
      layout(location=0) in vec3 place; layout(location=1) in vec3 facing; layout(location=2) in vec4 value_;
      uniform mat4 view; uniform float half_, size, lift; uniform vec3 toward;
      out vec4 value; out vec3 normal; flat out float shown;
      void main() {
        value = value_; normal = facing; shown = dot(facing, toward);
        gl_Position = view * vec4(place * half_ + toward * lift, 1.0);
        gl_PointSize = max(size / gl_Position.w, 1.5);
      }`, `
      in vec4 value; in vec3 normal; flat in float shown; out vec4 pixel;
      uniform vec3 toward, up, right, untouched; uniform float threshold, only, dark;
      ${LIT}
      void main() {
        vec2 off = gl_PointCoord * 2.0 - 1.0;
        if (dot(off, off) > 1.0 || shown < -0.15) discard;
        vec3 colour = only > 0.5 && value.a < threshold ? untouched : value.rgb;
        pixel = vec4(dark > 0.5 ? colour * 0.6 : lit(colour, normal, toward, up, right), 1.0);
      }`],
    hand: [`
      layout(location=0) in vec3 place; layout(location=1) in vec3 facing; layout(location=2) in uint limb;
      uniform mat4 view; uniform float half_; uniform vec4 limbs[16];
      out vec3 normal; out vec4 colour;
      void main() { gl_Position = view * vec4(place * half_, 1.0); normal = facing; colour = limbs[int(limb)]; }`, `
      in vec3 normal; in vec4 colour; out vec4 pixel;
      uniform vec3 toward, up, right;
      ${LIT}
      void main() { pixel = vec4(lit(colour.rgb, normal, toward, up, right), colour.a); }`],
  };

  let gl = null, canvas = null, programs, vaos, texture, pointValues, firsts;

  function built(name) {
    const [vertex, fragment] = PROGRAMS[name], program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, HEAD + text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(name + ": " + gl.getAttachedShaders(program).map((s) => gl.getShaderInfoLog(s)).join(" "));
    }
    const found = { program };
    for (let i = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i-- > 0;) {
      const word = gl.getActiveUniform(program, i).name;
      found[word.replace("[0]", "")] = gl.getUniformLocation(program, word);
    }
    return found;
  }
  function buffer(place, array, width, kind, how) { // how: 1 as a share of its range, 0 as an integer
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    if (how) gl.vertexAttribPointer(place, width, kind, true, 0, 0);
    else gl.vertexAttribIPointer(place, width, kind, 0, 0);
  }
  function elements(array) {
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, array, gl.STATIC_DRAW);
  }
  function vao(fill) {
    const made = gl.createVertexArray();
    gl.bindVertexArray(made);
    fill();
    gl.bindVertexArray(null);
    return made;
  }

  function start(node) { // true where there is WebGL
    canvas = node;
    gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    if (!gl) return false;
    programs = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, built(name)]));
    vaos = {};
    if (data.mesh) vaos.surface = vao(() => {
      buffer(0, arrays.corners, 3, gl.SHORT, 1); buffer(1, arrays.facing, 3, gl.BYTE, 1);
      buffer(2, arrays.near, 4, gl.UNSIGNED_SHORT, 0); buffer(3, arrays.weight, 4, gl.UNSIGNED_BYTE, 1);
      elements(arrays.faces);
    });
    vaos.points = vao(() => {
      buffer(0, arrays.points, 3, gl.SHORT, 1); buffer(1, arrays.normals, 3, gl.BYTE, 1);
      pointValues = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, pointValues);
      gl.bufferData(gl.ARRAY_BUFFER, P * 4, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(2);
      gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    });
    firsts = new Map();
    let corner = 0, face = 0;
    for (const hand of data.hands) {
      const [c, f] = [corner, face];
      firsts.set(hand.sample, { faces: hand.faces, vao: vao(() => {
        buffer(0, arrays.skin.subarray(3 * c, 3 * (c + hand.corners)), 3, gl.SHORT, 1);
        buffer(1, arrays.outward.subarray(3 * c, 3 * (c + hand.corners)), 3, gl.BYTE, 1);
        buffer(2, arrays.limb.subarray(c, c + hand.corners), 1, gl.UNSIGNED_BYTE, 0);
        elements(arrays.joined.subarray(3 * f, 3 * (f + hand.faces)));
      }) });
      corner += hand.corners; face += hand.faces;
    }
    texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.SCISSOR_TEST);
    return true;
  }

  function used(name, e, look) {
    const u = programs[name];
    gl.useProgram(u.program);
    gl.uniformMatrix4fv(u.view, false, matrix(e));
    gl.uniform1f(u.half_, HALF);
    for (const axis of ["toward", "up", "right"]) gl.uniform3fv(u[axis], e[axis]);
    if (u.untouched) gl.uniform3fv(u.untouched, maps.untouched.map((c) => c / 255));
    gl.uniform1f(u.threshold, look.threshold);
    gl.uniform1f(u.only, look.only ? 1 : 0);
    return u;
  }
  function paint(colours) {
    const rows = Math.ceil(P / 1024), padded = new Uint8Array(rows * 1024 * 4);
    padded.set(colours);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 1024, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, padded);
    gl.bindBuffer(gl.ARRAY_BUFFER, pointValues);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, colours);
  }
  function surface(e, look) {
    const u = used("surface", e, look);
    gl.uniform1f(u.line, look.line ? 1 : 0);
    gl.bindVertexArray(vaos.surface);
    gl.drawElements(gl.TRIANGLES, arrays.faces.length, data.wide ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT, 0);
  }
  function dots(e, look, alone) { // alone: no surface behind, so large enough to close it
    const u = used("points", e, look);
    gl.uniform1f(u.size, e.high * e.sy * spacing * (alone ? 1.25 : 0.36));
    gl.uniform1f(u.lift, alone ? 0 : spacing * 0.15);
    gl.uniform1f(u.dark, alone ? 0 : 1);
    gl.bindVertexArray(vaos.points);
    gl.drawArrays(gl.POINTS, 0, P);
  }
  function hand(e, look, map) {
    const found = firsts.get(map);
    if (!found) return;
    const u = used("hand", e, look);
    const grey = [0.62, 0.62, 0.62];
    gl.uniform4fv(u.limbs, maps.colours.flatMap((c, k) => [...(look.shown[k] ? c.map((x) => x / 255) : grey), look.solid ? 1 : 0.7]));
    gl.bindVertexArray(found.vao);
    const draw = () => gl.drawElements(gl.TRIANGLES, found.faces * 3, gl.UNSIGNED_SHORT, 0);
    gl.colorMask(false, false, false, false); // first how near, so that only the nearest skin is seen
    draw();
    gl.colorMask(true, true, true, true);
    gl.depthFunc(gl.LEQUAL);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE);
    draw();
    gl.disable(gl.BLEND);
    gl.depthFunc(gl.LESS);
  }

  // cells: [{ map, x, y, wide, high }] in pixels of the canvas, from its upper left corner
  function draw(cells, look, paper) {
    if (!gl) return flat(cells, look, paper);
    gl.scissor(0, 0, canvas.width, canvas.height);
    gl.clearColor(...paper.map((c) => c / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    for (const cell of cells) {
      const box = [cell.x, canvas.height - cell.y - cell.high, cell.wide, cell.high], e = eye(cell.wide, cell.high);
      gl.viewport(...box);
      gl.scissor(...box);
      paint(look.colours(cell.map));
      const solid = data.mesh && look.surface;
      if (solid) surface(e, look);
      if (look.dots || !solid) dots(e, look, !solid);
      if (look.hand) hand(e, look, cell.map);
    }
  }

  function flat(cells, look, paper) { // no WebGL: discs, the far ones first
    const pen = canvas.getContext("2d");
    pen.fillStyle = `rgb(${paper})`;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (const cell of cells) {
      const e = eye(cell.wide, cell.high), colours = look.colours(cell.map), order = [];
      for (let p = 0; p < P; p++) {
        const facing = dot([0, 1, 2].map((c) => arrays.normals[3 * p + c] / 127), e.toward);
        if (facing > -0.1) order.push([...projected(e, ...spot(p)), p, facing]);
      }
      order.sort((a, b) => b[2] - a[2]);
      for (const [x, y, depth, p, facing] of order) {
        const light = 0.6 + 0.4 * Math.max(facing, 0), low = look.only && colours[4 * p + 3] / 255 < look.threshold;
        const shade = [0, 1, 2].map((c) => Math.round(light * (low ? maps.untouched[c] : colours[4 * p + c])));
        pen.fillStyle = `rgb(${shade})`;
        pen.beginPath();
        pen.arc(cell.x + x, cell.y + y, Math.max(1, (e.high * e.sy * spacing * 0.6) / depth), 0, 7);
        pen.fill();
      }
    }
  }

  // ---- what lies under the pointer

  const spot = (p) => [0, 1, 2].map((c) => (arrays.points[3 * p + c] / 32767) * HALF);
  function ray(e, x, y) {
    const px = ((2 * x) / e.wide - 1) / e.sx, py = (1 - (2 * y) / e.high) / e.sy;
    return [0, 1, 2].map((c) => e.right[c] * px + e.up[c] * py - e.toward[c]);
  }
  function hit(origin, way) { // the nearest triangle along a ray: its first corner's number, and the place
    const at = arrays.corners, scale = HALF / 32767, o = origin.map((v) => v / scale), [wx, wy, wz] = way;
    let nearest = Infinity, face = -1;
    for (let f = 0; f < arrays.faces.length; f += 3) {
      const a = 3 * arrays.faces[f], b = 3 * arrays.faces[f + 1], c = 3 * arrays.faces[f + 2];
      const ux = at[b] - at[a], uy = at[b + 1] - at[a + 1], uz = at[b + 2] - at[a + 2];
      const vx = at[c] - at[a], vy = at[c + 1] - at[a + 1], vz = at[c + 2] - at[a + 2];
      const hx = wy * vz - wz * vy, hy = wz * vx - wx * vz, hz = wx * vy - wy * vx, det = ux * hx + uy * hy + uz * hz;
      if (det === 0) continue;
      const sx = o[0] - at[a], sy = o[1] - at[a + 1], sz = o[2] - at[a + 2], u = (sx * hx + sy * hy + sz * hz) / det;
      if (u < 0 || u > 1) continue;
      const qx = sy * uz - sz * uy, qy = sz * ux - sx * uz, qz = sx * uy - sy * ux, v = (wx * qx + wy * qy + wz * qz) / det;
      if (v < 0 || u + v > 1) continue;
      const t = (vx * qx + vy * qy + vz * qz) / det;
      if (t > 0 && t < nearest) { nearest = t; face = f; }
    }
    return face < 0 ? null : { face, place: way.map((w, c) => origin[c] + w * nearest * scale) };
  }
  function pick(cell, x, y, solid) { // the point seen at a pixel of a cell, or -1
    const e = eye(cell.wide, cell.high);
    if (data.mesh && solid) {
      const found = hit(e.at, ray(e, x, y));
      if (!found) return -1;
      const near = [0, 1, 2].flatMap((i) => { const c = 4 * arrays.faces[found.face + i]; return [...arrays.near.subarray(c, c + 4)]; });
      const gap = (p) => Math.hypot(...spot(p).map((s, c) => s - found.place[c]));
      return near.reduce((best, p) => (gap(p) < gap(best) ? p : best));
    }
    let best = -1, depth = Infinity;
    for (let p = 0; p < P; p++) {
      if (dot([0, 1, 2].map((c) => arrays.normals[3 * p + c]), e.toward) < 0) continue;
      const [px, py, far] = projected(e, ...spot(p));
      const reach = Math.max(5, (e.high * e.sy * spacing * 0.6) / far);
      if (Math.hypot(px - x, py - y) < reach && far < depth) { best = p; depth = far; }
    }
    return best;
  }
  const where = (cell, p) => projected(eye(cell.wide, cell.high), ...spot(p));

  function turn(dx, dy) {
    camera.around -= dx;
    camera.above = Math.max(-89, Math.min(89, camera.above + dy));
  }
  function move(cell, dx, dy) { // by pixels, in the plane of the view
    const e = eye(cell.wide, cell.high), metres = (2 * e.away) / (e.sy * e.high);
    camera.aside = camera.aside.map((v, c) => v - metres * (dx * e.right[c] - dy * e.up[c]));
  }
  const zoom = (factor) => { camera.far = Math.max(0.15, Math.min(4, camera.far * factor)); };
  const reset = () => Object.assign(camera, { around: -60, above: 22, far: FAR, aside: [0, 0, 0] });

  return { camera, start, draw, pick, where, turn, move, zoom, reset, finish: () => gl && gl.finish() };
})();
