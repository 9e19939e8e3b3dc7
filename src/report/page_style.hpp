// SPDX-License-Identifier: Apache-2.0
// How a report looks: one column on a phone, pictures side by side where there is room, plain on paper.
#pragma once

namespace qfi {

constexpr const char* k_page_style = R"(
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a202c; background: #f7f8fa; margin: 0 auto; padding: 1rem;
  max-width: 75rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; margin: 0 0 .3rem; } h3 { font-size: 1.1rem; margin: 1.5rem 0 .4rem; }
h4 { font-size: 1rem; margin: 0 0 .3rem; }
section { background: #fff; border: 1px solid #e2e8f0; border-radius: .5rem; padding: 1rem; margin: 0 0 1.5rem; }
.file, figcaption, small { color: #4a5568; font-size: .85rem; }
.cards { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); margin: .8rem 0; }
.card { border: 1px solid #e2e8f0; border-left: .3rem solid #2b6cb0; border-radius: .3rem; padding: .5rem .8rem; }
.card b { display: block; font-size: 1.5rem; } .card span, .card small { display: block; }
.figures { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); margin: 1rem 0; }
figure { margin: 0; } figure img { width: 100%; height: auto; border: 1px solid #edf2f7; }
.warning { border-left: .3rem solid #c05621; background: #fffaf0; padding: .5rem .8rem; }
.wide { overflow-x: auto; }
table { min-width: min(36rem, 160vw); border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid #edf2f7; vertical-align: top;
  overflow-wrap: normal; }
td:nth-child(2) { overflow-wrap: anywhere; min-width: 8rem; }
details { margin: .8rem 0; } summary { cursor: pointer; color: #2b6cb0; }
.source td { padding-top: 0; padding-bottom: 0; border: 0; } .source code { white-space: pre; }
.source td:nth-child(-n+3) { text-align: right; min-width: 0; white-space: nowrap; color: #4a5568; }
.heat0 { background: #fffaf0; } .heat1 { background: #feebc8; } .heat2 { background: #fbd38d; }
.heat3 { background: #f6ad55; } .heat4 { background: #ed8936; }
pre { overflow-x: auto; font-size: .85rem; }
@media print { body { background: #fff; } section { border: 0; } }
)";

}  // namespace qfi
