/* SPDX-License-Identifier: MIT */
/* Draws specifications as SVG without a browser. Reads {libraries: [path], charts: {name: spec}} as JSON from standard
   input, writes {name: svg}. Rule: the libraries are the page's own; nothing else is loaded. */
import { readFileSync } from "node:fs";
import vm from "node:vm";

const { libraries, charts } = JSON.parse(readFileSync(0, "utf8"));
for (const path of libraries) vm.runInThisContext(readFileSync(path, "utf8"), path);

const drawn = {};
for (const [name, spec] of Object.entries(charts)) {
    const compiled = vegaLite.compile(spec).spec;
    const view = new vega.View(vega.parse(compiled), { renderer: "none", logLevel: vega.Error });
    drawn[name] = await view.toSVG();
    view.finalize();
}
process.stdout.write(JSON.stringify(drawn));
