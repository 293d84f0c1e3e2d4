/** The report's own style: it works from a file, without a network, in light and dark, on paper and on narrow screens. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --page: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --bar0: #1f6f8b; --bar1: #9a6700; --bar2: #8c959f; --good: #1a7f37; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9aa4af; --page: #0d1117; --panel: #161b22; --line: #30363d; --bar0: #4fa8c7; --bar1: #d8a13a; --bar2: #6e7681; --good: #4fbf67; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
p { max-width: 44rem; } .quiet { color: var(--quiet); } .good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; margin: 1.5rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .75rem .9rem; } .tiles b { display: block; font-size: 1.45rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--quiet); font-size: .86rem; }
figure { margin: 1.25rem 0; } figcaption { font-weight: 600; margin-bottom: .25rem; } svg { display: block; max-width: 100%; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: var(--text); } .value { font-variant-numeric: tabular-nums; } .label { fill: var(--quiet); }
.axis { stroke: var(--line); } .bound { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 5 4; } svg .bound-text { fill: var(--bad); font-size: 12px; }
.bar0 { fill: var(--bar0); } .bar1 { fill: var(--bar1); } .bar2 { fill: var(--bar2); }
details { margin-top: .35rem; } summary { cursor: pointer; color: var(--quiet); font-size: .9rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; font-size: .92rem; } caption { text-align: left; color: var(--quiet); padding-bottom: .25rem; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; } th[scope=row] { font-weight: 500; } .number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
@media print { details { display: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
`
