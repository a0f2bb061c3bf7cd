"use strict";
// Shows, sorts and filters the table of recordings, some rows at a time.
const data = JSON.parse(document.getElementById("rows").textContent);
const [SESSION, RECORDING, STATE, STATES, UNITS, NEXT, ERROR, URGENT, REPORT, NWB] = Array(10).keys();
const by = (id) => document.getElementById(id);
const [words, state, urgent, body, shown] = ["words", "state", "urgent-only", "body", "shown"].map(by);
const view = { rows: data.rows, first: 0, column: null, up: true };
const natural = new Intl.Collator(undefined, { numeric: true });
data.rows.forEach((row) => {
  row.text = [SESSION, RECORDING, NEXT, ERROR].map((i) => row[i]).join("\n").toLowerCase();
});

const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
};
const mark = (number, name) => {
  const [word, symbol, about] = data.marks[number];
  const cell = element("span", name ? `${symbol} ${word}` : symbol || "\u00a0", `cell ground-${number}`);
  cell.title = name ? about : "";
  return cell;
};
const cell = (row, text, className) => row.appendChild(element("td", text, className));
const draw = (row) => {
  const line = element("tr");
  cell(line, row[SESSION]);
  cell(line, row[RECORDING]);
  cell(line, "", "state").append(mark(row[STATE], true));
  const states = cell(line, "", "states");
  row[STATES].forEach((number, i) => {
    const box = mark(number, false);
    box.title = `${data.steps[i]}: ${data.marks[number][0]}`;
    states.append(box, " ");
  });
  cell(line, row[UNITS] ? row[UNITS].join(" / ") : "", "units");
  cell(line, row[NEXT], "next");
  cell(line, row[ERROR], "error");
  const links = cell(line, "");
  [["report", row[REPORT]], ["NWB", row[NWB]]].forEach(([text, href]) => {
    if (!href) return;
    const link = element("a", text);
    link.href = href;
    links.append(link, " ");
  });
  return line;
};
const show = () => {
  const n = view.rows.length;
  const last = Math.min(view.first + data.page, n);
  body.replaceChildren(...view.rows.slice(view.first, last).map(draw));
  shown.textContent = n ? `${view.first + 1} to ${last} of ${n.toLocaleString("en")}` : "nothing like that";
  by("before").disabled = view.first === 0;
  by("after").disabled = last >= n;
};
const sortable = (row, i) => {
  if (i === UNITS) return row[UNITS] ? String(row[UNITS][0]) : "";
  return i === STATE ? data.marks[row[STATE]][0] : String(row[i]);
};
const select = () => {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  view.rows = data.rows.filter(
    (row) =>
      wanted.every((word) => row.text.includes(word)) &&
      (!state.value || data.marks[row[STATE]][0] === state.value) &&
      (!urgent.checked || row[URGENT]),
  );
  if (view.column !== null) {
    const sign = view.up ? 1 : -1;
    const keyed = view.rows.map((row) => [sortable(row, view.column), row]);
    keyed.sort(([a], [b]) => (a === "" || b === "" ? (a === "") - (b === "") : sign * natural.compare(a, b)));
    view.rows = keyed.map(([, row]) => row);
  }
  view.first = 0;
  show();
};
[words, state, urgent].forEach((input) => input.addEventListener("input", select));
by("before").addEventListener("click", () => { view.first -= data.page; show(); });
by("after").addEventListener("click", () => { view.first += data.page; show(); });
document.querySelectorAll("thead button").forEach((button) => {
  button.addEventListener("click", () => {
    const column = Number(button.dataset.column);
    view.up = view.column === column ? !view.up : true;
    view.column = column;
    document.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    button.parentElement.setAttribute("aria-sort", view.up ? "ascending" : "descending");
    select();
  });
});
by("table").hidden = false;
show();
