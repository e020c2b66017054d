# SPDX-License-Identifier: MIT
"""A campaign's report: one static page that works from a file, and its charts as pictures for a paper.

    store -> content (figures)  -> charts (Vega-Lite)  -> page (HTML, style.css, script.js)  -> report.html
             codemap, latency,                         -> figures (SVG, by Node)
             compare

Rule: everything is aggregated here, in Python. The page embeds every failure, and of all else only counts; so it stays
fast however many experiments there were.
"""
