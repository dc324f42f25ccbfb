#pragma once

namespace foreshard::op {

// The only style sheet. One column on a phone, several where there is room; dark where the reader
// asks for it. The colours of text keep a contrast of 4.5 to 1 on their ground.
inline constexpr const char* kStyle = R"css(
:root { color-scheme: light dark;
  --ground: #f3f5f8; --card: #ffffff; --edge: #dce1e8; --text: #18212f; --soft: #526072;
  --accent: #1f56c4; --fan90: #dbe7fd; --fan50: #aecbfa; --limit: #b3261e; --target: #8a6100;
  --good: #136c3f; --good-ground: #dff3e7; --warning: #7a4f00; --warning-ground: #fcefd2;
  --bad: #a11b14; --bad-ground: #fbe3e1; --plain-ground: #e8ecf2;
  --s0: #d6e4ff; --s1: #d3f0e0; --s2: #fde4cc; --s3: #ead9fb; --s4: #cdeef3; --s5: #fbd9e4;
  --s6: #e9ecc6; --s7: #dfdfe6; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #0e131a; --card: #161d27; --edge: #2b3645; --text: #e8edf4; --soft: #a3b1c3;
  --accent: #8ab4ff; --fan90: #1d3154; --fan50: #2c4e8a; --limit: #ff8a80; --target: #e3b341;
  --good: #7fdca4; --good-ground: #12351f; --warning: #f2c879; --warning-ground: #3d2d0b;
  --bad: #ffa8a1; --bad-ground: #471613; --plain-ground: #263140;
  --s0: #1f3b6e; --s1: #17452d; --s2: #563514; --s3: #402760; --s4: #124650; --s5: #58233a;
  --s6: #414516; --s7: #3a3d47; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 0 1rem 3rem; background: var(--ground);
  color: var(--text); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .2rem 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between;
  align-items: baseline; padding: .8rem 0; border-bottom: 1px solid var(--edge);
  margin-bottom: 1rem; }
header p { margin: 0; }
.brand { font-weight: 700; letter-spacing: .02em; margin-right: .6rem; }
.when, .soft { color: var(--soft); font-size: .9rem; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .4rem .8rem; }
.lead { font-size: 1.08rem; margin: .2rem 0 .5rem; }
.grid { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.tiles { display: grid; gap: .8rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 10.5rem), 1fr)); }
.card + .card { margin-top: 1rem; }
.grid .card { margin-top: 0; }
.card, .tile { background: var(--card); border: 1px solid var(--edge); border-radius: 12px;
  padding: .9rem 1rem; min-width: 0; }
.tile dt { color: var(--soft); font-size: .85rem; }
.tile dd { margin: 0; font-size: 1.45rem; font-weight: 650; line-height: 1.3; }
.tile dd small { display: block; font-size: .85rem; font-weight: 400; color: var(--soft); }
dl { margin: 0; }
.head { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline;
  justify-content: space-between; }
.big { font-size: 1.5rem; font-weight: 650; }
.dot { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin-right: .4em;
  border: 1px solid var(--edge); }
.pill { display: inline-block; padding: .05rem .6rem; border-radius: 99px; font-size: .85rem;
  font-weight: 600; background: var(--plain-ground); color: var(--text); }
.pill.good { background: var(--good-ground); color: var(--good); }
.pill.warning { background: var(--warning-ground); color: var(--warning); }
.pill.bad { background: var(--bad-ground); color: var(--bad); }
.s0 { background-color: var(--s0); } .s1 { background-color: var(--s1); }
.s2 { background-color: var(--s2); } .s3 { background-color: var(--s3); }
.s4 { background-color: var(--s4); } .s5 { background-color: var(--s5); }
.s6 { background-color: var(--s6); } .s7 { background-color: var(--s7); }
.keys { display: flex; list-style: none; margin: 0 0 .4rem; padding: 0; border-radius: 12px;
  overflow: hidden; border: 1px solid var(--edge); gap: 1px; background: var(--edge); }
.part { flex: 1 1 0; min-width: 0; padding: .55rem .5rem; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; font-size: .88rem; }
.part span { color: var(--text); font-size: .85em; }
.moving { background-image: repeating-linear-gradient(135deg, transparent 0 9px,
  rgba(127, 127, 127, .28) 9px 14px); }
svg { display: block; width: 100%; height: auto; margin: .3rem 0; }
.grid line, line.grid { stroke: var(--edge); }
.tick { fill: var(--soft); font-size: 11px; }
.fan90 { fill: var(--fan90); } .fan50 { fill: var(--fan50); }
.median, .measured { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.measured { stroke: var(--text); }
line.limit { stroke: var(--limit); stroke-width: 1.5; stroke-dasharray: 6 4; }
line.target { stroke: var(--target); stroke-width: 1; stroke-dasharray: 2 4; }
line.now { stroke: var(--soft); }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; margin: .5rem 0;
  padding: 0; font-size: .85rem; color: var(--soft); }
.key svg { display: inline-block; width: 26px; height: 12px; margin: 0 .4em 0 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; vertical-align: top; font-weight: 400;
  border-bottom: 1px solid var(--edge); }
thead th { color: var(--soft); font-size: .85rem; }
td.text { min-width: 14rem; }
.apart { margin-top: .7rem; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
.steps { display: flex; flex-wrap: wrap; gap: .3rem; list-style: none; margin: .5rem 0;
  padding: 0; }
.steps li { font-size: .85rem; padding: .1rem .55rem; border-radius: 6px;
  background: var(--plain-ground); color: var(--soft); }
.steps .past { background: var(--good-ground); color: var(--good); }
.steps [aria-current] { background: var(--accent); color: var(--card); font-weight: 600; }
progress { width: 100%; height: .7rem; accent-color: var(--accent); }
)css";

}  // namespace foreshard::op
