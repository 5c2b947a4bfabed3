// Keeps the phone page current. The server draws everything; this exchanges the parts that changed, by their key.
"use strict";

const family = document.body.dataset.family;
const talk = document.getElementById("talk");
const text = document.getElementById("text");
const sheet = document.querySelector("[data-sheet]");
const attachments = document.getElementById("attachments");
const address = `/sim/families/${encodeURIComponent(family)}`;
let version = "";
let sound = null;

// ------------------------------------------------------------------ talking to the simulator

async function ask(method, path, body) {
  const options = { method, headers: { "Content-Type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || `Error ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

async function attempt(work) {
  try {
    await work();
  } catch (problem) {
    toast(problem instanceof TypeError ? "El simulador no responde." : problem.message);
  }
  await refresh();
}

function write(writing) {
  return attempt(() => ask("POST", `${address}/messages`, writing)).then(toTheEnd);
}

function toast(message) {
  const box = document.querySelector("[data-toast]");
  box.textContent = message;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 4000);
}

// ------------------------------------------------------------------ staying current

async function refresh() {
  const query = new URLSearchParams(document.body.classList.contains("has-chat") ? { familia: family } : {});
  query.set("version", version);
  let answer;
  try {
    answer = await fetch(`/?${query}`);
  } catch {
    return; // the simulator is being restarted; the next round finds it
  }
  if (answer.status !== 200) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (page.body.dataset.family !== family) return;
  version = page.body.dataset.version;
  const atEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 90;
  for (const part of page.querySelectorAll("[data-sync]")) exchange(document.getElementById(part.id), part);
  if (atEnd) toTheEnd();
  await lookIfVisible();
}

// Make `old` show the children of `fresh`, touching only those that differ: sound goes on playing, focus stays.
function exchange(old, fresh) {
  for (const name of Object.keys(fresh.dataset)) old.dataset[name] = fresh.dataset[name];
  const known = new Map([...old.children].map((child) => [child.dataset.key, child]));
  let place = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const before = known.get(child.dataset.key);
    known.delete(child.dataset.key);
    let kept = before;
    if (!before || !same(before, child)) {
      kept = document.adoptNode(child);
      if (before) {
        if (place === before) place = kept;
        before.replaceWith(kept);
      }
    }
    if (kept === place) place = place.nextElementSibling;
    else old.insertBefore(kept, place);
  }
  for (const gone of known.values()) gone.remove();
}

function same(one, other) {
  if (one.dataset.version) return one.dataset.version === other.dataset.version;
  return one.outerHTML === other.outerHTML;
}

async function lookIfVisible() {
  const waiting = Number(document.getElementById("messages").dataset.toRead);
  if (waiting && !document.hidden && talk.offsetParent !== null) {
    await ask("POST", `${address}/read`).catch(() => {});
  }
}

function toTheEnd() {
  talk.scrollTop = talk.scrollHeight;
}

// ------------------------------------------------------------------ writing

function drawComposer() {
  const send = document.querySelector("[data-send]");
  const voice = !text.value.trim();
  send.dataset.voice = String(voice);
  send.setAttribute("aria-label", voice ? "Enviar nota de voz de ejemplo" : "Enviar mensaje");
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 110)}px`;
}

function showAttachments(shown) {
  attachments.hidden = !shown;
  document.querySelector("[data-attach]").setAttribute("aria-expanded", String(shown));
}

document.querySelector("[data-composer]").addEventListener("submit", (event) => {
  event.preventDefault();
  const said = text.value.trim();
  text.value = "";
  drawComposer();
  text.focus();
  write(said ? { text: said } : { audio: {} });
});

text.addEventListener("input", drawComposer);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (text.value.trim()) text.form.requestSubmit();
  }
});

document.querySelector("[data-new-family]").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = new FormData(event.target).get("name").trim();
  if (!name) return;
  const families = await ask("GET", "/sim/families");
  const taken = new Set(families.map((item) => item.wa_id));
  let number = 106;
  while (taken.has(`521555555${String(number).padStart(4, "0")}`)) number += 1;
  await attempt(async () => {
    const made = await ask("POST", "/sim/families", { name, wa_id: `521555555${String(number).padStart(4, "0")}` });
    location.assign(`/?familia=${encodeURIComponent(made.address)}`);
  });
});

// ------------------------------------------------------------------ pressing

document.addEventListener("click", (event) => {
  const target = event.target.closest("button, a");
  if (!event.target.closest("[data-attach], .attachments")) showAttachments(false);
  if (!target) return;
  const bubble = target.closest("[data-id]");
  const data = target.dataset;
  if (data.press !== undefined) {
    sheet.close();
    write({ press: { id: data.press, of: data.of || bubble.dataset.id } });
  } else if (data.react) {
    write({ reaction: { message_id: bubble.dataset.id, emoji: data.react } });
  } else if (data.write) {
    showAttachments(false);
    write(JSON.parse(data.write));
  } else if (data.attach !== undefined) {
    showAttachments(attachments.hidden);
  } else if (data.list !== undefined) {
    openSheet(target);
  } else if (data.play !== undefined) {
    play(target);
  } else if (data.close !== undefined) {
    sheet.close();
  } else if (data.openPanel !== undefined || data.closePanel !== undefined) {
    document.body.classList.toggle("with-panel", data.openPanel !== undefined);
  } else if (data.clock !== undefined) {
    moveClock(Number(data.clock));
  } else if (data.behave !== undefined) {
    attempt(async () => drawFaults(await ask("DELETE", "/sim/faults")));
  }
});

sheet.addEventListener("click", (event) => {
  if (event.target === sheet) sheet.close();
});

function openSheet(button) {
  const rows = button.parentElement.querySelector("[data-list-rows]");
  document.getElementById("sheet-title").textContent = button.textContent.trim();
  sheet.querySelector("[data-rows]").replaceChildren(...[...rows.children].map((row) => row.cloneNode(true)));
  sheet.showModal();
}

function play(button) {
  const wasPlaying = button.classList.contains("playing");
  if (sound) sound.pause();
  document.querySelectorAll(".playing").forEach((other) => drawPlaying(other, false));
  if (wasPlaying || !button.dataset.play) return;
  sound = new Audio(button.dataset.play);
  sound.addEventListener("ended", () => drawPlaying(button, false));
  drawPlaying(button, true);
  sound.play().catch(() => {
    drawPlaying(button, false);
    toast("Este navegador no puede reproducir la nota de voz.");
  });
}

function drawPlaying(button, playing) {
  button.classList.toggle("playing", playing);
  button.querySelector("use").setAttribute("href", `/static/icons.svg#${playing ? "pause" : "play"}`);
}

// ------------------------------------------------------------------ the simulator's own switches

function moveClock(hours) {
  return attempt(async () => {
    const now = await ask("GET", "/sim/clock");
    await ask("PUT", "/sim/clock", { hours: hours ? now.hours + hours : 0 });
  });
}

const faultsForm = document.querySelector("[data-faults]");

function readFault(faults, name) {
  const [key, code] = name.split(".");
  return code ? faults[key][code] || 0 : faults[key];
}

function drawFaults(faults) {
  for (const input of faultsForm.elements) {
    if (!input.name) continue;
    if (input.type === "checkbox") {
      input.checked = faults[input.name];
      continue;
    }
    input.value = Math.round(readFault(faults, input.name) * 100);
    drawSlider(input);
  }
}

function drawSlider(input) {
  input.parentElement.querySelector("output").textContent = `${input.value} %`;
  input.parentElement.classList.toggle("on", input.value > 0);
}

faultsForm.addEventListener("input", (event) => {
  if (event.target.type === "range") drawSlider(event.target);
});

faultsForm.addEventListener("change", (event) => {
  const { name, type, checked, value } = event.target;
  attempt(async () => {
    const faults = await ask("GET", "/sim/faults");
    delete faults.seed; // setting one would restart the dice
    const [key, code] = name.split(".");
    const wanted = type === "checkbox" ? checked : value / 100;
    if (code) faults[key][code] = wanted;
    else faults[key] = wanted;
    drawFaults(await ask("PUT", "/sim/faults", faults));
  });
});

// ------------------------------------------------------------------ start

version = document.body.dataset.version;
drawComposer();
toTheEnd();
lookIfVisible();
ask("GET", "/sim/faults").then(drawFaults).catch(() => {});
if (matchMedia("(min-width: 60rem)").matches) text.focus();
(async function keepCurrent() {
  for (;;) {
    await new Promise((done) => setTimeout(done, 700));
    if (!document.hidden) await refresh();
  }
})();
