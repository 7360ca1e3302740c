"use strict";
// Sorts and filters what the page says without it. Text from the report is only ever compared, never made markup.

const number = /^[<+\u2212-]?[\d,]*\.?\d+\b/;
const missing = text => text === "" || text === "-";
const fold = text => text.normalize("NFKC").toLowerCase();

function value(text) {
  return parseFloat(text.replace(/[<+,]/g, "").replace("\u2212", "-"));
}

function sortable(table) {
  const body = table.tBodies[0], rows = [...body.rows];
  let at = 0;
  for (const head of table.tHead.rows[0].cells) {
    const column = at;
    at += head.colSpan;
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const texts = new Map(rows.map(row => [row, row.cells[column]?.textContent.trim() ?? ""]));
      const figures = rows.every(row => missing(texts.get(row)) || number.test(texts.get(row)));
      const ways = figures ? ["descending", "ascending"] : ["ascending", "descending"];
      const way = ways[ways.indexOf(head.ariaSort) + 1];
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      if (way) head.ariaSort = way;
      const sign = way === "descending" ? -1 : 1;
      const order = (a, b) => {
        const [one, two] = [texts.get(a), texts.get(b)];
        if (missing(one) || missing(two)) return missing(one) - missing(two);
        return sign * (figures ? value(one) - value(two) : one.localeCompare(two, "en", { numeric: true }));
      };
      body.append(...(way ? [...rows].sort(order) : rows));
    });
  }
}

function searchable(wide) {
  const form = document.createElement("form"), input = document.createElement("input");
  const label = document.createElement("label"), rows = [...wide.querySelectorAll("tbody tr")];
  form.className = "filter";
  input.type = "search";
  label.append("Filter ", input);
  form.append(label);
  wide.before(form);
  form.addEventListener("submit", event => event.preventDefault());
  input.addEventListener("input", () => {
    const words = fold(input.value).split(/\s+/);
    for (const row of rows) {
      const text = fold([...row.cells].map(cell => cell.textContent).join(" "));
      row.hidden = !words.every(word => text.includes(word));
    }
  });
}

function cases(list) {
  const form = list.querySelector("form"), items = [...list.querySelectorAll("ol > li")];
  const found = items.map(item => ({
    item,
    text: fold(item.textContent),
    labels: item.dataset.l.split(" "),
    wrong: item.dataset.w.split(" ").filter(Boolean),
    split: "d" in item.dataset,
  }));
  const show = () => {
    const which = form.elements.which.value, label = form.elements.label.value;
    const words = fold(form.elements.text.value).split(/\s+/);
    let shown = 0;
    for (const { item, text, labels, wrong, split } of found) {
      const fits = which === "" || (which === "w" ? wrong.length > 0 : which === "d" ? split : wrong.includes(which));
      item.hidden = !(fits && (label === "" || labels.includes(label)) && words.every(word => text.includes(word)));
      shown += !item.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${items.length}`;
  };
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", show);
  form.hidden = false;
  show();
}

for (const table of document.querySelectorAll("table")) {
  if (table.tHead && table.tBodies[0].rows.length > 1) sortable(table);
}
document.querySelectorAll("[data-search]").forEach(searchable);
document.querySelectorAll(".cases").forEach(cases);
