// Compares the measures of the page's day with those of another one.
const { day, days, lines } = JSON.parse(document.getElementById("measures").textContent);
const byId = (id) => document.getElementById(id);
const oneDecimal = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const shares = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const here = days.indexOf(day);
const others = days.filter((other) => other !== day);

function shown(value, isShare) {
  if (value === null) return "–";
  if (isShare) return shares.format(value);
  return value.toLocaleString(language, { maximumFractionDigits: Math.abs(value) < 100 ? 3 : 0 });
}

function difference(now, then, isShare) {
  if (now === null || then === null) return now === then ? "" : now === null ? tr("gone") : tr("new");
  const change = now - then;
  const sign = change > 0 ? "+" : change < 0 ? "−" : "±";
  const size = Math.abs(change);
  return sign + (isShare ? tr("{number} points", { number: oneDecimal.format(100 * size) }) : shown(size, false));
}

function cell(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function render() {
  const there = days.indexOf(byId("other-day").value);
  const onlyChanges = byId("only-changes").checked;
  const rows = lines.filter(([, , values]) => !onlyChanges || values[here] !== values[there]);
  byId("this-head").textContent = dayText(day, "medium");
  byId("other-head").textContent = dayText(days[there], "medium");
  byId("compare-rows").replaceChildren(...rows.map(([name, isShare, values]) => {
    const row = document.createElement("tr");
    const head = cell("th", name);
    head.scope = "row";
    const [now, then] = [values[here], values[there]];
    row.append(head, cell("td", shown(now, isShare)), cell("td", shown(then, isShare)), cell("td", difference(now, then, isShare)));
    return row;
  }));
  byId("compare-status").textContent = tr("{number} of {all} measures", { number: rows.length, all: lines.length });
}

if (here >= 0 && others.length) {
  byId("other-day").append(...others.map((other) => new Option(dayText(other), other)));
  byId("other-day").value = others.find((other) => other < day) ?? others[0];
  for (const id of ["other-day", "only-changes"]) byId(id).addEventListener("change", render);
  byId("compare").hidden = false;
  byId("no-compare").hidden = true;
  render();
}

// The newest days are on the right.
for (const table of document.querySelectorAll(".wide:has(abbr)")) table.scrollLeft = table.scrollWidth;
