// Keeps the page up to date: every two seconds each section that has changed is replaced, and what was typed stays.
"use strict";
const SECONDS = 2;
const known = new Map();

function replace(part, fresh) {
  const focus = document.activeElement && part.contains(document.activeElement) ? document.activeElement.id : "";
  const typed = new Map([...part.querySelectorAll("input[type=text]")].map((input) => [input.id, input.value]));
  const open = new Set([...part.querySelectorAll("details[open]")].map((details) => details.id));
  part.innerHTML = fresh.innerHTML;
  for (const input of part.querySelectorAll("input[type=text]")) input.value = typed.get(input.id) || "";
  for (const details of part.querySelectorAll("details")) details.open = open.has(details.id);
  if (focus) document.getElementById(focus)?.focus({preventScroll: true});
}

async function refresh() {
  if (document.hidden || document.querySelector("main button:active")) return;
  const told = document.getElementById("offline");
  try {
    const answer = await fetch("/", {headers: {Accept: "text/html"}, cache: "no-store"});
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("main > section, main > #problems")) {
      const other = fresh.getElementById(part.id);
      if (other && known.get(part.id) !== other.innerHTML) {
        replace(part, other);
        known.set(part.id, other.innerHTML);
      }
    }
    told.textContent = "";
  } catch {
    told.textContent = "The local cloud does not answer. This page shows what it told last.";
  }
}

setInterval(refresh, SECONDS * 1000);
