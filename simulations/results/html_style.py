"""How a report looks: on a light and a dark screen, on a small one, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #ffffff; --faint: #5f6670; --line: #d9dce1; --row: #f4f5f7;
  --link: #0b5cad; --first: #0072b2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #16181c; --faint: #9aa3ad; --line: #3a3f47; --row: #1f2228;
    --link: #7ab8ff; --first: #4aa8e0 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 "DejaVu Sans", Verdana, Arial, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem }
p.about, figcaption, caption { color: var(--faint) }
p.about { margin: 0 }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: 1rem 0 0; padding: 0 }
a { color: var(--link) }
figure { margin: 1.2rem 0 }
figure svg { display: block; width: 100%; height: auto; max-width: 62rem }
figcaption { font-size: .88rem; max-width: 48rem; margin-top: .3rem }
div.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: .2rem 0 }
th, td { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top }
thead th { border-bottom: 1px solid var(--line); vertical-align: bottom }
tbody th { font-weight: normal; white-space: nowrap }
tbody tr:nth-child(even) { background: var(--row) }
td.number, th.number, table.numbers td { text-align: right; white-space: nowrap }
thead th.number { white-space: normal }
td.text { overflow-wrap: anywhere }
details { margin: .8rem 0 }
summary { cursor: pointer; color: var(--link) }
footer { margin-top: 3rem; color: var(--faint); font-size: .88rem }
@media print {
  :root { --ink: #000; --paper: #fff; --faint: #333; --line: #999; --row: #fff; --link: #000; --first: #0072b2 }
  body { max-width: none; padding: 0; font-size: 11px }
  nav { display: none }
  figure, tr { break-inside: avoid }
  h2 { break-after: avoid }
}
"""
"""The style sheet. The plots take their ink, paper and lines from its variables."""
