"use strict";
// Asks four times a second and draws what it is told; it sends nothing else, and keeps nothing.

const PAUSE_MS = 250, SILENT_MS = 3000;
const CURVES = [
  ["camera_hz", "camera", "Hz"], ["foresight_hz", "foresight", "Hz"], ["action_hz", "action", "Hz"], ["command_hz", "command", "Hz"],
  ["foresight_age_ms", "foresight age", "ms"], ["chunk_age_ms", "chunk age", "ms"], ["frame_age_ms", "frame age", "ms"],
];
const element = (id) => document.getElementById(id);
const faults = []; // of this very page: for its test, and for whoever opens the console
let camera = null, heardAt = 0, drawn = 0;

window.addEventListener("error", (event) => faults.push(String(event.message)));
window.addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) => faults.push(`refused: ${event.violatedDirective}`));

function text(id, words) { const node = element(id); if (node.textContent !== words) node.textContent = words; }
function number(value, decimals) { return value === null || value === undefined ? "–" : value.toFixed(decimals); }
function made(tag, name, words) { const node = document.createElement(tag); if (name) node.className = name; if (words !== undefined) node.textContent = words; return node; }
function clock(iso) { return new Date(iso).toLocaleTimeString(); }
function span(seconds) {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function drawBanner(status) {
  const { verdict, arm } = status, banner = element("banner");
  const bad = ["FAULT", "ESTOP", "SAFE STATE", "FAILED", "NO ANSWER"].includes(verdict.banner);
  const idle = verdict.wellbeing === "well" && verdict.banner !== "FOLLOWING";
  banner.className = bad ? "bad" : idle ? "asked" : { well: "well", unwell: "unwell", not_running: "waiting" }[verdict.wellbeing];
  const dry = arm && arm.dry_run ? "   DRY RUN: the motors are told nothing" : "";
  text("state", verdict.banner);
  text("line", verdict.line.replace(verdict.banner, "").replace(/^[: ,]+/, "") + dry);
  text("remedy", verdict.remedy);
  element("warnings").replaceChildren(...verdict.warnings.map((words) => made("li", "", words)));
  document.title = `${verdict.banner} · ${status.robot}`;
}

function drawCurves(status) {
  const limits = { foresight_age_ms: status.policy && status.policy.foresight_age_max_s * 1000 };
  const rows = CURVES.map(([key, name, unit]) => {
    const values = status.figures[key] || [], known = values.filter((value) => value !== null), row = made("div", "curve", undefined);
    const top = Math.max(1e-9, ...known, limits[key] && Math.max(...known) > 0.6 * limits[key] ? limits[key] : 0) * 1.08;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 240 100"); svg.setAttribute("preserveAspectRatio", "none");
    const line = document.createElementNS(svg.namespaceURI, "path"), first = 240 - values.length;
    line.setAttribute("d", values.map((value, k) => value === null ? "" : // where nobody told, there is a gap
      `${k && values[k - 1] !== null ? "L" : "M"}${first + k} ${(100 - 100 * value / top).toFixed(1)}`).join(""));
    svg.append(line);
    const value = made("b", "", number(values.length ? values[values.length - 1] : null, 0));
    value.append(made("i", "", ` ${unit}`));
    row.append(made("span", "", name), svg, value);
    return row;
  });
  element("curves").replaceChildren(...rows);
}

function bar(joint) {
  const track = made("div", "track"), share = (value) => `${100 * Math.min(1, Math.max(0, (value - joint.position_min_rad) / (joint.position_max_rad - joint.position_min_rad)))}%`;
  track.title = `${joint.position_min_rad} to ${joint.position_max_rad} rad`;
  if (joint.position_min_rad < 0 && joint.position_max_rad > 0) { const zero = made("i", "zero"); zero.style.left = share(0); track.append(zero); }
  const place = made("i", "place"); place.style.left = share(joint.position_rad); track.append(place);
  if (joint.target_rad !== null) { const target = made("i", "target"); target.style.left = share(joint.target_rad); track.append(target); }
  return track;
}

function effort(joint) {
  const track = made("div", "track"), ratio = joint.effort_ratio;
  if (ratio === null) return track;
  const fill = made("i", Math.abs(ratio) > joint.effort_fault_ratio ? "fill hot" : "fill"), width = 50 * Math.min(1, Math.abs(ratio));
  fill.style.width = `${width}%`; fill.style.left = `${ratio < 0 ? 50 - width : 50}%`;
  const zero = made("i", "zero"); zero.style.left = "50%";
  track.title = `${(100 * ratio).toFixed(0)} % of the maximum torque`; track.append(fill, zero);
  return track;
}

function drawJoints(status) {
  const { arm } = status, joints = arm ? arm.joints : [];
  const note = arm ? (joints.length ? (arm.voltage_min_v ? `warm from ${arm.temperature_max_degc.toFixed(0)} °C, weak below ${arm.voltage_min_v.toFixed(1)} V` : "") : "not measured yet") : "the command process does not answer";
  text("arm-note", note);
  element("joints").replaceChildren(...joints.map((joint) => {
    const row = made("tr"), cell = (name, inner) => { const node = made("td", name); node.append(inner); row.append(node); };
    const hot = joint.temperature_degc !== null && joint.temperature_degc > arm.temperature_max_degc - 5;
    cell("", joint.name); cell("bar", bar(joint)); cell("", number(joint.position_rad, 2)); cell("effort", effort(joint));
    cell(hot ? "hot" : "", number(joint.temperature_degc, 0)); cell("", number(joint.voltage_v, 1));
    return row;
  }));
}

function drawFacts(status) {
  const { arm, policy, machine } = status, facts = [];
  if (arm) {
    facts.push(["state", `${arm.state} for ${span(arm.state_age_s)}`], ["real time", arm.realtime || "–"]);
    facts.push(["missed periods", `${arm.missed_periods} of ${arm.periods}`], ["bus errors", String(arm.bus_errors)]);
    facts.push(["last fault", arm.last_fault ? `${arm.last_fault.why}, ${span(arm.last_fault.ago_s)} ago` : "none"]);
  }
  if (policy) {
    facts.push(["follows", policy.instruction || "nothing"]);
    if (policy.bundle) facts.push(["bundle", policy.bundle.name + (policy.bundle.on_trial ? ", on trial" : "")]);
    if (policy.bundle && policy.bundle.runs_as) facts.push(["runs as", policy.bundle.runs_as]);
  }
  for (const unit of status.units) facts.push([unit.name.replace(".service", ""), unit.active + (unit.restarts ? `, ${unit.restarts} restarts` : "")]);
  if (machine.record_free_mb !== null) facts.push(["room for records", `${(machine.record_free_mb / 1000).toFixed(1)} GB`]);
  const warmest = Math.max(...Object.values(machine.temperatures_degc));
  if (Number.isFinite(warmest)) facts.push(["warmest of the machine", `${warmest.toFixed(0)} °C`]);
  element("facts").replaceChildren(...facts.flatMap(([name, value]) => [made("dt", "", name), made("dd", "", value)]));
}

function drawEvents(status) {
  element("events").replaceChildren(...status.events.slice(0, 30).map((event) => {
    const row = made("li"); row.append(made("time", "", clock(event.at)), made("span", "", event.line)); return row;
  }));
}

function drawCameras(status) {
  camera = camera || status.cameras[0];
  const select = element("cameras"), told = status.policy && status.policy.cameras.find((each) => each.name === camera);
  if (status.cameras.length > 1 && !select.options.length) {
    select.append(...status.cameras.map((name) => made("option", "", name)));
    select.addEventListener("change", () => { camera = select.value; });
    select.hidden = false;
  }
  text("camera-name", camera);
  text("camera-rate", told ? `${number(told.rate_hz, 0)} Hz` : "");
}

function draw(status) {
  text("robot", status.robot); text("file", status.robot_file); text("asked", clock(status.asked_at));
  drawBanner(status); drawCameras(status); drawCurves(status); drawJoints(status); drawFacts(status); drawEvents(status);
  drawn += 1;
}

function shade(value, most) { // blue below zero, dark at zero, pink above
  const share = most > 0 ? Math.max(-1, Math.min(1, value / most)) : 0, [r, g, b] = share < 0 ? [79, 195, 201] : [255, 111, 174];
  return [13 + (r - 13) * Math.abs(share), 17 + (g - 17) * Math.abs(share), 19 + (b - 19) * Math.abs(share)];
}

function drawForesight(told) {
  const canvas = element("foresight"), rows = told.tokens, width = rows[0].length, height = rows.length;
  const most = Math.max(...rows.flat().map((value) => Math.abs(value || 0)));
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  rows.flat().forEach((value, k) => { const [r, g, b] = value === null ? [255, 0, 0] : shade(value, most); image.data.set([r, g, b, 255], 4 * k); });
  context.putImageData(image, 0, 0);
  text("foresight-age", `${told.instruction}, from a picture ${Math.round(told.age_ms)} ms old`);
  text("foresight-legend", `${told.n_tokens} context tokens (rows) of ${told.token_dim} features; blue below zero, pink above, up to ${most.toFixed(1)}`);
}

async function show(path, canvasId, otherId, take) {
  const reply = await fetch(path), there = reply.ok;
  if (there) await take(reply);
  element(canvasId).hidden = !there; element(otherId).hidden = there;
}

async function takePicture(reply) {
  const image = element("picture"), url = URL.createObjectURL(await reply.blob()), before = image.src;
  image.src = url;
  await image.decode();
  if (before) URL.revokeObjectURL(before);
}

function noAnswer() {
  element("banner").className = "waiting"; text("state", "NO CONNECTION");
  text("line", "the page's process does not answer: what stands below is old"); text("remedy", ""); element("warnings").replaceChildren();
}

function selfCheck() { // what a test of this page looks at, and a person may
  const check = { drawn, joints: element("joints").children.length, picture_px: element("picture").naturalWidth, tokens: element("foresight").hidden ? 0 : element("foresight").height, faults };
  element("self-check").value = JSON.stringify(check);
}

async function turns(pause, turn) {
  for (;;) {
    try { await turn(); } catch (error) { if (!(error instanceof TypeError && /fetch/i.test(error.message))) faults.push(String(error)); }
    if (performance.now() - heardAt > SILENT_MS && drawn) noAnswer();
    selfCheck();
    await new Promise((done) => setTimeout(done, document.hidden ? 4 * pause : pause));
  }
}

turns(PAUSE_MS, async () => {
  const reply = await fetch("/status.json");
  if (!reply.ok) return;
  const status = await reply.json();
  heardAt = performance.now();
  draw(status);
});
turns(PAUSE_MS, () => camera && show(`/picture.jpg?camera=${encodeURIComponent(camera)}`, "picture", "no-picture", takePicture));
turns(2 * PAUSE_MS, () => show("/foresight.json", "foresight", "no-foresight", async (reply) => drawForesight(await reply.json())));
