"use strict";
// Sorts the table of units and hides labels; without it the page is as complete.
document.documentElement.classList.add("js");
const table = document.getElementById("unit-table");
if (table) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const up = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
      const value = (row) => row.cells[head.cellIndex].dataset.value;
      table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
      const order = (a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === ""); // what is missing comes last
        return up * (x - y || x.localeCompare(y, undefined, { numeric: true }));
      };
      body.append(...[...body.rows].sort(order));
    });
  });
  document.querySelectorAll(".filter input").forEach((box) => {
    box.addEventListener("change", () => {
      document.querySelectorAll("[data-label]").forEach((e) => {
        if (e.dataset.label === box.value) e.hidden = !box.checked;
      });
    });
  });
}
// A link to a unit opens the part of the gallery that the unit is in.
const reveal = () => {
  const target = document.getElementById(location.hash.slice(1));
  const part = target && target.closest("details");
  if (part && !part.open) {
    part.open = true;
    target.scrollIntoView();
  }
};
addEventListener("hashchange", reveal);
reveal();
