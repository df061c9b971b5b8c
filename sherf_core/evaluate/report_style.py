"""The report's style sheet: light and dark, from a phone's width upwards, no font or script from elsewhere."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #5c6670; --page: #f6f7f9; --card: #ffffff; --line: #dde2e7;
  --accent: #0b6e99; --warn-ink: #6b4300; --warn: #fff3d6; --warn-line: #e8c36b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --quiet: #a2abb5; --page: #14171a; --card: #1e2226;
  --line: #353b42; --accent: #6cc3ea; --warn-ink: #ffdf9e; --warn: #3a2d10; --warn-line: #7a5f1f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.25rem 0 0.25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.5rem; }
p { margin: 0.5rem 0; }
.quiet, figcaption, dt { color: var(--quiet); }
.banner { background: var(--warn); color: var(--warn-ink); border: 1px solid var(--warn-line); border-radius: 0.5rem;
  padding: 0.6rem 0.8rem; margin: 0.8rem 0; font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 0.75rem; margin: 1rem 0; }
.card, figure { background: var(--card); border: 1px solid var(--line); border-radius: 0.6rem; padding: 0.8rem; }
.card h3 { margin: 0 0 0.4rem; }
.figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.5rem; margin: 0; }
.figures div { min-width: 0; }
.figures dt { font-size: 0.8rem; }
.figures dd { margin: 0; font-size: 1.2rem; font-weight: 650; color: var(--accent); overflow-wrap: anywhere; }
.figures dd.none { font-size: 0.9rem; font-weight: 400; color: var(--quiet); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 0.75rem; }
figure { margin: 0; padding: 0.5rem; }
figure img { width: 100%; height: auto; display: block; border-radius: 0.3rem; background: #ffffff; }
figcaption { font-size: 0.85rem; margin-top: 0.35rem; }
.panels { display: grid; grid-template-columns: repeat(3, 1fr); text-align: center; font-size: 0.8rem;
  color: var(--quiet); margin-bottom: 0.2rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 0.6rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
th, td { padding: 0.4rem 0.7rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--quiet); font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
td.name { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
dl.facts { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: 0.25rem 1rem; margin: 0.5rem 0; }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 32rem) { dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: 0.5rem; }
  main { padding: 1rem 0.75rem 2rem; } th, td { padding: 0.35rem 0.5rem; } }
@media print { body { background: #ffffff; } figure, .card { break-inside: avoid; } }
"""
