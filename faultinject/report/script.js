/* SPDX-License-Identifier: MIT */
/* The report's page at work: draws the charts, opens functions and failures, filters and sorts.
   Rule: all that is read is in the page; nothing is fetched. What can be done with a mouse can be done with the keys. */
"use strict";

const content = JSON.parse(document.getElementById("content").textContent);
const scheme = matchMedia("(prefers-color-scheme: dark)");
const views = new Map();
const PAGE = 25;
const FUNCTIONS = 20;

function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name === "text") made.textContent = value;
        else if (name.startsWith("--")) made.style.setProperty(name, value);
        else if (value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== undefined && child !== null));
    return made;
}

/* ---- charts ---- */

/* Every "var(--name)" in a specification becomes the page's colour of now. */
function resolved(spec) {
    const style = getComputedStyle(document.documentElement);
    const colour = (_, name) => style.getPropertyValue(name).trim();
    const walk = (value) =>
        typeof value === "string" ? value.replace(/var\((--[\w-]+)\)/g, colour)
        : Array.isArray(value) ? value.map(walk)
        : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, walk(v)]))
        : value;
    return walk(spec);
}

function configuration() {
    const narrow = innerWidth < 600;
    return resolved({
        background: "transparent", font: getComputedStyle(document.body).fontFamily, view: { stroke: null },
        axis: { labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--line)", tickColor: "var(--line)",
                domainColor: "var(--line)", labelFontSize: 11.5, titleFontSize: 11.5, titleFontWeight: "normal",
                labelLimit: narrow ? 105 : 180, titleLimit: narrow ? 230 : 600 },
        text: { color: "var(--ink)" }, legend: { labelColor: "var(--soft)", titleColor: "var(--soft)" },
    });
}

async function draw(place) {
    const name = place.dataset.chart;
    const chosen = document.querySelector(`select[data-for="${place.dataset.group || ""}"]`);
    views.get(name)?.finalize();
    const result = await vegaEmbed(place, resolved(content.charts[name]), {
        renderer: "svg", config: configuration(), downloadFileName: `perdure-${name}`, tooltip: { theme: "custom" },
        actions: { export: true, source: false, compiled: false, editor: false },
    });
    views.set(name, result.view);
    place.querySelector("summary")?.setAttribute("aria-label", "save this chart as a picture");
    if (chosen && place.dataset.group) await result.view.signal("chosen", chosen.value).runAsync();
    place.dataset.drawn = "yes";
}

const failed = (problem) => console.error("chart: " + problem.message);
const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
        seen.unobserve(entry.target);
        draw(entry.target).catch(failed);
    }
}, { rootMargin: "800px" });

const places = [...document.querySelectorAll("[data-chart]")];
places.forEach((place) => seen.observe(place));
const redraw = () => places.filter((place) => place.dataset.drawn).forEach((place) => draw(place).catch(failed));
scheme.addEventListener("change", redraw);
addEventListener("beforeprint", () => places.forEach((place) => draw(place).catch(failed)));

for (const select of document.querySelectorAll("select[data-for]")) {
    select.addEventListener("change", () => {
        for (const place of document.querySelectorAll(`[data-group="${select.dataset.for}"][data-drawn]`)) {
            views.get(place.dataset.chart).signal("chosen", select.value).runAsync();
        }
    });
}

/* ---- counts as bars ---- */

const total = (counts) => counts.reduce((sum, [, draws]) => sum + draws, 0);
const failing = (counts) => counts.reduce((sum, [outcome, draws]) => sum + (content.outcomes[outcome].failure ? draws : 0), 0);

function describe(counts) {
    return counts.map(([outcome, draws]) => `${content.outcomes[outcome].label} ${draws}`).join(", ");
}

function bar(counts, whole) {
    const made = element("span", { class: "bar", role: "img", "aria-label": describe(counts), title: describe(counts) });
    for (const [outcome, draws] of counts) {
        made.append(element("i", { "--colour": `var(--${content.outcomes[outcome].key.replaceAll("_", "-")})`,
                                   "--share": `${(100 * draws) / whole}%` }));
    }
    return made;
}

/* ---- functions and their lines ---- */

function sourceLine(number, counts, text, most) {
    const bad = counts ? failing(counts) : 0;
    const words = counts ? (bad ? `${bad}/${total(counts)}` : `${total(counts)}`) : "";
    const line = element("div", bad ? { class: "hot" } : {}, element("span", { class: "n", text: number }),
                         element("span", { class: "c", text: words, title: counts ? describe(counts) : undefined }));
    if (counts) {
        const width = Math.max((100 * total(counts)) / most, 4);
        const small = bar(counts, total(counts));
        small.style.width = `calc(${width}% - 1rem)`;
        line.append(small);
    } else {
        line.append(element("span"));
    }
    line.append(element("span", { text: text || " " }));
    return line;
}

function listing(struck) {
    const most = Math.max(...struck.lines.map(([, , counts]) => total(counts)), 1);
    const own = new Map(struck.lines.filter(([file]) => file === "").map(([, line, counts]) => [line, counts]));
    const moved = struck.lines.filter(([file]) => file !== "");
    const made = element("div");
    if (struck.text.length) {
        const source = element("div", { class: "source", tabindex: "0", role: "region", "aria-label": `source of ${struck.name}` });
        struck.text.forEach((text, index) => source.append(
            sourceLine(struck.first + index, own.get(struck.first + index), text, most)));
        made.append(source);
    }
    if (moved.length) {
        made.append(element("p", { class: "soft", text: "Written elsewhere, compiled into this function:" }));
        const source = element("div", { class: "source", tabindex: "0", role: "region",
                                        "aria-label": `lines compiled into ${struck.name}` });
        for (const [file, line, counts, text] of moved) {
            source.append(sourceLine(line, counts, `${text}    ${file}`, most));
        }
        made.append(source);
    }
    if (!struck.lines.length) made.append(element("p", { class: "soft", text: "No lines are known: the campaign's symbols are not beside its database." }));
    made.append(element("p", { class: "soft", text: describe(struck.counts) }));
    return made;
}

const functions = document.getElementById("functions");
if (functions) {
    functions.addEventListener("toggle", (event) => {
        const details = event.target;
        const body = details.querySelector(".body");
        if (details.open && body && !body.hasChildNodes()) body.append(listing(content.functions[details.dataset.number]));
    }, true);
    const rows = [...functions.querySelectorAll("details")];
    const order = { failures: (f) => failing(f.counts), faults: (f) => total(f.counts),
                    share: (f) => failing(f.counts) / total(f.counts) };
    for (const button of document.querySelectorAll("[data-sort]")) {
        button.addEventListener("click", () => {
            const key = button.dataset.sort;
            const of = (row) => content.functions[row.dataset.number];
            rows.sort((a, b) => key === "name" ? of(a).name.localeCompare(of(b).name) : order[key](of(b)) - order[key](of(a)));
            functions.append(...rows);
            show();
            document.querySelectorAll("[data-sort]").forEach((one) => one.setAttribute("aria-pressed", one === button));
        });
    }
    const filter = document.getElementById("function-filter");
    const more = document.getElementById("function-more");
    let all = false;
    const show = () => {
        const wanted = filter.value.toLowerCase();
        const matches = rows.filter((row) => {
            const { service, name, file } = content.functions[row.dataset.number];
            return `${service} ${name} ${file}`.toLowerCase().includes(wanted);
        });
        const visible = new Set(all || wanted ? matches : matches.slice(0, FUNCTIONS));
        for (const row of rows) row.hidden = !visible.has(row) && !row.open;
        more.hidden = all || wanted !== "" || matches.length <= FUNCTIONS;
    };
    filter.addEventListener("input", show);
    more.addEventListener("click", () => { all = true; show(); });
    show();
}

function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.tagName === "DETAILS") {
        target.hidden = false;
        target.open = true;
        target.querySelector("summary").focus({ preventScroll: true });
        target.scrollIntoView({ block: "center" });
    }
}
addEventListener("hashchange", openTarget);
openTarget();

/* ---- failures ---- */

function command(words) {
    const button = element("button", { type: "button", text: "copy", "aria-label": `copy: ${words}` });
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(words);
            button.textContent = "copied";
        } catch {
            getSelection().selectAllChildren(button.previousSibling);
            button.textContent = "selected";
        }
    });
    return element("div", { class: "command" }, element("code", { text: words }), button);
}

for (const place of document.querySelectorAll("[data-command]")) place.replaceWith(command(place.dataset.command));

function failureRow(one) {
    const outcome = content.outcomes[one.outcome];
    const summary = element("summary", {},
        element("span", { class: "mono", text: one.number }),
        element("span", { class: "badge" }, element("span", { class: "swatch", "--colour": `var(--${outcome.key.replaceAll("_", "-")})` }),
                element("span", { text: outcome.label })),
        element("span", { class: "name" }, element("b", { text: one.function || "?" }), element("span", { text: one.place })),
        element("span", {}, element("span", { text: one.description }),
                element("span", { class: "soft", text: ` ${one.model} in ${one.service}` })));
    const details = element("details", {}, summary, element("div", { class: "body" }));
    details.addEventListener("toggle", () => {
        const body = details.lastChild;
        if (!details.open || body.hasChildNodes()) return;
        const facts = [one.reason, `${one.calls} calls were completed from the fault's activation to its detection or the end`];
        if (one.others) facts.push(`other clients that saw something: ${one.others}`);
        body.append(element("p", { text: facts.join("; ") + "." }), command(one.replay), command(`${one.replay} --trace`));
        body.append(one.log ? element("pre", { class: "log", tabindex: "0", text: one.log })
                            : element("p", { class: "soft", text: "Its log is shown by the command above." }));
    });
    return details;
}

const failures = document.getElementById("failures-list");
if (failures) {
    const select = document.getElementById("failure-outcome");
    const filter = document.getElementById("failure-filter");
    const more = document.getElementById("failure-more");
    const state = document.getElementById("failure-state");
    let shown = PAGE;
    const show = () => {
        const wanted = filter.value.toLowerCase();
        const found = content.failures.filter((one) =>
            (!select.value || content.outcomes[one.outcome].key === select.value)
            && `${one.number} ${one.service} ${one.model} ${one.function} ${one.place} ${one.description} ${one.reason}`
                .toLowerCase().includes(wanted));
        failures.replaceChildren(...found.slice(0, shown).map(failureRow));
        more.hidden = found.length <= shown;
        state.textContent = `${Math.min(shown, found.length).toLocaleString("en")} of ${found.length.toLocaleString("en")} shown`;
    };
    const again = () => { shown = PAGE; show(); };
    select.addEventListener("change", again);
    filter.addEventListener("input", again);
    more.addEventListener("click", () => { shown += 4 * PAGE; show(); });
    show();
}
