/** The one sheet of all pages: read on a light screen and on paper. */
export const STYLE = `
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem; color: #1a1a1a; background: #fff; overflow-wrap: anywhere }
h1, h2, h3 { line-height: 1.25; font-weight: 600 }
h1 { font-size: 1.75rem; margin: 0 0 .25rem }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; padding-top: .75rem; border-top: 1px solid #d0d0d0 }
h3 { font-size: 1rem; margin: 1.75rem 0 .25rem }
p { max-width: 44rem; margin: .5rem 0 }
.note { color: #555; font-size: .875rem; overflow: clip }
table { border-collapse: collapse; margin: .75rem 0 1.25rem; font-size: .8125rem; line-height: 1.4; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto }
th, td { padding: .25rem .7rem; text-align: right; vertical-align: top; border-bottom: 1px solid #e4e4e4; white-space: nowrap }
th { vertical-align: bottom; border-bottom-color: #999; font-weight: 600; white-space: normal }
th:not(.words) { overflow-wrap: normal; min-width: min-content }
th:first-child, td:first-child { padding-left: 0 }
.words { text-align: left; white-space: normal; unicode-bidi: isolate; overflow-wrap: anywhere; min-width: 7rem; max-width: 26rem; overflow: clip }
mark { background: #fff0b3; color: inherit; padding: 0 .1em }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.25rem; margin: 1.25rem 0 }
dt { color: #555; font-size: .8125rem }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums }
figure { margin: 1rem 0 }
figcaption { color: #555; font-size: .875rem; max-width: 44rem }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 2rem }
svg { display: block; max-width: 100%; height: auto; margin: .5rem 0; font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; font-variant-numeric: tabular-nums }
td svg { margin: .3rem 0 }
svg text { fill: #1a1a1a; unicode-bidi: isolate }
svg .light { fill: #fff }
svg .small { font-size: 10px }
svg .faint { fill: #555 }
.grid { stroke: #e2e2e2 }
.mean { stroke: #1a1a1a; stroke-width: 2 }
.zero, .event { stroke: #1a1a1a; stroke-dasharray: 4 3 }
.interval { stroke: #0072b2; stroke-width: 2 }
.share, .curve { fill: none; stroke-width: 2; stroke-linejoin: round }
.edge { fill: none; stroke: #d55e00; stroke-width: 3 }
@media print {
  body { max-width: none; margin: 0; font-size: 11pt }
  figure, tr, dl { break-inside: avoid }
  h2, h3 { break-after: avoid }
  .pair { grid-template-columns: 1fr 1fr }
  .scroll { overflow: visible }
  mark { print-color-adjust: exact }
}
`;
