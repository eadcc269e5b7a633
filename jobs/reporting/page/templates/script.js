"use strict";
const field = id => document.getElementById(id);
const PAGE = 50; // briefs shown at first, and at each press of "Show more"

/* An element with properties and children; what people or models wrote becomes text, never markup. */
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

function themes() {
  const box = field("theme"), root = document.documentElement, key = "housestyle-colours";
  const choose = name => {
    if (name === "system") delete root.dataset.theme; else root.dataset.theme = name;
  };
  let kept = "system";
  try { kept = localStorage.getItem(key) || kept; } catch { /* a browser may keep nothing for files */ }
  const input = [...box.querySelectorAll("input")].find(one => one.value === kept);
  if (input) { input.checked = true; choose(kept); }
  box.addEventListener("change", event => {
    choose(event.target.value);
    try { localStorage.setItem(key, event.target.value); } catch { /* the same */ }
  });
  box.hidden = false;
}

function browser(data) {
  const place = new Map(data.models.map((model, index) => [model, index % 8]));
  const score = value => value === null ? "no score" : value.toFixed(2);
  const off = new Set();
  let limit = PAGE;

  /* Text as lists of [class, text]; `wanted` is what is searched for, in lower case. */
  function texts(parts, wanted) {
    return parts.map(([name, text]) => {
      const inner = wanted ? hits(text, wanted) : [text];
      return name ? make("mark", { class: name }, ...inner) : make("span", null, ...inner);
    });
  }

  function hits(text, wanted) {
    const found = [], low = text.toLowerCase();
    if (low.length !== text.length) return [text]; // then places in one are not places in the other
    let from = 0;
    for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
      found.push(text.slice(from, at), make("mark", { class: "hit" }, text.slice(at, at + wanted.length)));
      from = at + wanted.length;
    }
    return [...found, text.slice(from)];
  }

  function verdictLine([metric, judge, value, reason], wanted) {
    return make("li", null, make("strong", null, value.toFixed(1)), ` ${metric}, ${judge}: `,
      make("span", { lang: data.language }, ...(wanted ? hits(reason, wanted) : [reason])));
  }

  function answerCard(answer, kind, wanted) {
    const [, least, most] = kind, fits = answer.chars >= least && answer.chars <= most;
    const verdicts = answer.verdicts.map(verdict => verdictLine(verdict, wanted));
    const lost = answer.failures.map(([step, error, message]) =>
      make("li", null, make("span", { class: "no" }, `✗ failed in ${step}: ${error}`), ` ${message}`));
    if (!verdicts.length && !lost.length) lost.push(make("li", null, "Not judged."));
    const cut = answer.finish === "length" ? "; cut off by the token limit" : "";
    return make("article", { class: `answer m${place.get(answer.model)}`, "data-model": answer.model },
      make("header", null, make("h4", null, answer.model), make("strong", null, score(answer.score))),
      make("ul", { class: "verdicts" }, ...verdicts, ...lost),
      make("p", { class: "copy", lang: data.language }, ...texts(answer.text, wanted)),
      make("p", { class: "soft" }, `${answer.chars} characters, ${fits ? "inside" : "outside"} the window of ${least} to ${most}${cut}`));
  }

  function facts(brief) {
    const lines = data.facts[brief.facts].flatMap(([name, text]) =>
      [make("dt", null, name), make("dd", { lang: data.language }, text)]);
    return make("details", null, make("summary", null, "Facts given"), make("dl", null, ...lines));
  }

  function row(cells, tag) {
    return make("tr", null, ...cells.map((cell, index) => make(index || tag === "th" ? tag : "th",
      { class: index ? "text" : null, scope: tag === "th" ? "col" : index ? null : "row" }, cell)));
  }

  function pairs(brief) {
    const seen = brief.pairs.filter(([first, second]) => !off.has(first) && !off.has(second));
    if (!seen.length && !brief.unpaired.length) return null;
    const lines = seen.map(([first, second, winner, metric, judge, reason]) => {
      const better = winner === "tie" ? "tie" : winner === "first" ? first : second;
      return row([`${first}, then ${second}`, better, metric, judge, make("span", { lang: data.language }, reason)], "td");
    });
    const lost = brief.unpaired.map(([pair, step, error, message]) =>
      row([pair, "✗ failed", step, error, message], "td"));
    const table = make("table", null, make("caption", null, "Two answers shown together, in both orders."),
      make("thead", null, row(["Shown", "Better", "Metric", "Judge", "Reason"], "th")),
      make("tbody", null, ...lines, ...lost));
    const region = make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Comparisons of this brief" }, table);
    return make("details", null, make("summary", null, `Compared in pairs: ${seen.length} judgements`), region);
  }

  function told(text, key) {
    return make("li", null, text, key ? " · journal " : null, key ? make("code", null, key) : null);
  }

  function history(brief, answers) {
    const steps = [told(`Brief ${brief.id}, split ${brief.split}, product ${brief.product}${brief.fresh ? ", new hero ingredient" : ""}`)];
    for (const answer of answers) {
      const [read, written] = answer.tokens;
      const size = answer.finish === "reference" ? "a reference text" : `${read} tokens read, ${written} written, ended by ${answer.finish}`;
      const then = answer.verdicts.map(([metric, judge, value, , key]) => told(`Verdict: ${metric} by ${judge}, ${value.toFixed(1)}`, key));
      then.push(...answer.failures.map(([step, error]) => told(`Failed: ${step}, ${error}`)));
      steps.push(make("li", null, `Answer ${answer.id}: ${size}`, make("ol", { class: "history" }, ...then)));
    }
    for (const [first, second, winner, metric, judge, , key] of brief.pairs) {
      if (!off.has(first) && !off.has(second)) steps.push(told(`Comparison: ${first}, then ${second}, ${metric} by ${judge}: ${winner}`, key));
    }
    return make("details", null, make("summary", null, "History, from brief to verdicts"), make("ol", { class: "history" }, ...steps));
  }

  function fill(box, brief, wanted) {
    const answers = brief.answers.filter(answer => !off.has(answer.model));
    const cards = answers.map(answer => answerCard(answer, data.kinds[brief.kind], wanted));
    const parts = [facts(brief), make("div", { class: "answers" }, ...cards), pairs(brief), history(brief, answers)];
    box.replaceChildren(...parts.filter(part => part));
  }

  function card(brief, open, wanted) {
    const [label] = data.kinds[brief.kind], body = make("div");
    const chips = brief.answers.filter(answer => !off.has(answer.model))
      .map(answer => make("span", { "data-model": answer.model }, `${answer.model} ${score(answer.score)}`));
    const details = make("details", null,
      make("summary", null, make("h3", null, make("span", { lang: data.language }, `${brief.name} · ${label} `),
        make("small", null, `${brief.id}${brief.fresh ? " · new hero ingredient" : ""}`)),
      make("span", { class: "chips" }, ...chips)), body);
    details.addEventListener("toggle", () => {
      if (details.open && !body.hasChildNodes()) fill(body, brief, wanted);
      if (details.open) opened.add(brief.id); else opened.delete(brief.id);
    });
    if (open) { fill(body, brief, wanted); details.open = true; }
    return make("article", { class: "brief", "data-brief": brief.id }, details);
  }

  const opened = new Set(data.briefs.slice(0, 1).map(brief => brief.id));
  const scoresOf = brief => brief.answers.filter(answer => !off.has(answer.model) && answer.score !== null).map(answer => answer.score);
  const orders = {
    id: () => 0,
    gap: brief => -gap(scoresOf(brief)),
    low: brief => Math.min(9, ...scoresOf(brief)),
    high: brief => -Math.max(0, ...scoresOf(brief)),
  };

  function gap(scores) { return scores.length < 2 ? -1 : Math.max(...scores) - Math.min(...scores); }

  function holds(brief, wanted) {
    if (`${brief.id} ${brief.name}`.toLowerCase().includes(wanted)) return true;
    return brief.answers.some(answer => !off.has(answer.model)
      && (answer.text.map(([, text]) => text).join("").toLowerCase().includes(wanted)
        || answer.verdicts.some(([, , , reason]) => reason.toLowerCase().includes(wanted))));
  }

  function fits(brief, wanted) {
    const least = parseFloat(field("least").value) || 1, most = parseFloat(field("most").value) || 5;
    const whole = least <= 1 && most >= 5; // then briefs without any score are shown too
    return (!field("kind").value || brief.kind === field("kind").value)
      && (!field("fresh").checked || brief.fresh)
      && (!field("failed").checked || brief.unpaired.length || brief.answers.some(answer => answer.failures.length))
      && (whole || scoresOf(brief).some(value => value >= least && value <= most))
      && (!wanted || holds(brief, wanted));
  }

  function apply() {
    off.clear();
    for (const input of field("models").querySelectorAll("input")) if (!input.checked) off.add(input.value);
    const wanted = field("words").value.trim().toLowerCase(), order = orders[field("sort").value];
    const chosen = data.briefs.filter(brief => fits(brief, wanted))
      .map(brief => [order(brief), brief]).sort((one, other) => one[0] - other[0]).map(([, brief]) => brief);
    field("briefs").replaceChildren(...chosen.slice(0, limit).map(brief => card(brief, opened.has(brief.id), wanted)));
    field("shown").textContent = chosen.length ? `${chosen.length} of ${data.briefs.length} briefs` : "No brief fits these filters.";
    field("more").hidden = chosen.length <= limit;
    field("show-more").textContent = `Show ${Math.min(PAGE, chosen.length - limit)} more of ${chosen.length - limit}`;
  }

  function afresh() { limit = PAGE; apply(); }

  field("filters").addEventListener("input", afresh);
  field("filters").addEventListener("reset", () => setTimeout(afresh));
  field("filters").addEventListener("submit", event => event.preventDefault());
  field("show-more").addEventListener("click", () => {
    const at = limit;
    limit += PAGE;
    apply();
    const next = field("briefs").children[at]; // the reading goes on where the new ones begin
    if (next) next.querySelector("summary").focus();
  });
  apply();
  field("filters").hidden = false;
  field("unscripted").remove();
}

themes();
if (field("answers-data")) browser(JSON.parse(field("answers-data").textContent));
