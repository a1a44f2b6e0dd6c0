"use strict";
// Draw every chart where it can be seen; one that waits behind its title is drawn when that opens.
const drawn = new WeakSet();
function draw(place) {
  if (drawn.has(place) || place.clientWidth === 0) return;
  drawn.add(place);
  const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  vegaEmbed(place, spec, { renderer: "svg", actions: false }).catch((error) => {
    place.textContent = "This chart could not be drawn: " + error.message;
    console.error(error);
  });
}
function drawAll(within) {
  within.querySelectorAll(".chart").forEach(draw);
}
drawAll(document);
document.querySelectorAll("details").forEach((details) => {
  details.addEventListener("toggle", () => details.open && drawAll(details));
});
// Paper shows no more than the screen did, so charts in a title that is open are drawn before printing.
window.addEventListener("beforeprint", () => drawAll(document));

// Tables that can be sorted by a click on a column's title, and filtered by words.
function key(row, index) {
  const cell = row.children[index];
  const number = parseFloat(cell.dataset.order);
  return Number.isNaN(number) ? cell.textContent.trim() : number;
}
function compare(a, b) {
  if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b);
  return typeof a === "number" ? -1 : 1;
}
document.querySelectorAll("table[data-sortable]").forEach((table) => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => (falling ? -1 : 1) * compare(key(a, index), key(b, index)));
      table.tBodies[0].append(...rows);
    });
  });
  const input = table.closest("details, section").querySelector("[data-filter]");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
});
