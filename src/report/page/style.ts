// The look of a report page: one style sheet for screens, phones, dark rooms and paper.

export const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ground:#f6f7fa;--ink:#1b2333;--faint:#5a6478;--line:#dde1ea;--accent:#3650b8;--soft:#eef1fb;--mark:#fff3c4;--bad:#a32020;--badpaper:#fdecec;--warn:#7a4b00;--warnpaper:#fff4dc;--edge:#7d8aa5;--shade:#1b233338}
@media (prefers-color-scheme:dark){:root{--paper:#181c26;--ground:#11141b;--ink:#e4e8f1;--faint:#a2acc0;--line:#303747;--accent:#9db2ff;--soft:#222941;--mark:#4a3f12;--bad:#ff9a9a;--badpaper:#3a1d20;--warn:#ffd08a;--warnpaper:#382a10;--edge:#8492b0;--shade:#000000a0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif;overflow-wrap:break-word}
.sheet{max-width:66rem;margin:0 auto;padding:2.5rem clamp(1rem,4vw,3rem) 3rem;background:var(--paper);min-height:100vh}
@media (min-width:70rem){body{padding:2rem 0}.sheet{border:1px solid var(--line);border-radius:12px;min-height:0}}
h1,h2,h3,h4,h5{line-height:1.25;margin:0;text-wrap:balance}
h1{font-size:clamp(1.7rem,1.2rem + 2vw,2.4rem);letter-spacing:-.02em}
h2{font-size:1.4rem;letter-spacing:-.01em;margin:3rem 0 1rem;padding-top:1.2rem;border-top:1px solid var(--line)}
h3{font-size:1.1rem;margin:1.8rem 0 .5rem}
h3 small{font-weight:400;color:var(--faint);font-size:.85em;margin-left:.3em}
h4{font-size:1rem}
h5{font-size:.78rem;letter-spacing:.02em;color:var(--faint);margin-bottom:.35rem}
p{margin:.5rem 0}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.18em}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.86em;unicode-bidi:isolate}
code{overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--ground);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;margin:.5rem 0;line-height:1.45}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.note,.origin{color:var(--faint);font-size:.9rem}
.skip{position:absolute;left:-100vw}.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem 1rem}
.kind{color:var(--faint);font-size:.9rem;margin:0 0 .4rem}
.lead{font-size:1.18rem;line-height:1.5;color:var(--ink);max-width:46rem;margin:.6rem 0 1.4rem;text-wrap:pretty}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:0;margin:1.5rem 0 1rem;border:1px solid var(--line);border-radius:10px;overflow:hidden;background:var(--line);gap:1px}
.facts>div{background:var(--paper);padding:.75rem 1rem}
.facts dt{font-size:.8rem;color:var(--faint)}
.facts dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.facts small{display:block;font-weight:400;color:var(--faint);font-size:.82rem}
.warning{background:var(--warnpaper);color:var(--warn);border-radius:8px;padding:.7rem 1rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:1rem 0 0;font-size:.95rem}
nav a{text-decoration:none;display:inline-block;padding:.35rem 0}nav a:hover{text-decoration:underline}
header+nav+section h2,main>section:first-child>h2{margin-top:2rem}
.scroll{overflow-x:auto;margin:.8rem 0;max-width:100%;background:linear-gradient(to right,var(--paper) 35%,transparent) 0/2.2rem 100% no-repeat local,linear-gradient(to left,var(--paper) 35%,transparent) 100%/2.2rem 100% no-repeat local,linear-gradient(to right,var(--shade),transparent) 0/.8rem 100% no-repeat scroll,linear-gradient(to left,var(--shade),transparent) 100%/.8rem 100% no-repeat scroll}
table{border-collapse:collapse;width:max-content;font-size:.93rem;font-variant-numeric:tabular-nums lining-nums}
caption.seen{text-align:left;color:var(--faint);padding-bottom:.4rem}
th,td{padding:.4rem .85rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--line)}
thead th{font-size:.83rem;color:var(--faint);font-weight:600;border-bottom:1.5px solid var(--edge);vertical-align:bottom}
tbody th{font-weight:inherit}
td{max-width:24rem}thead th,thead th.number{white-space:normal}.sortable thead th{max-width:7rem}th:first-child,td:first-child{padding-left:.2rem}
th.number,td.number{text-align:right;white-space:nowrap}
tbody tr:hover{background:var(--soft)}
td a,tbody th a{text-decoration-color:color-mix(in srgb,currentColor 40%,transparent)}
sup{font-size:.72em;line-height:0}
.document{margin-bottom:2rem}
.document .scroll table{font-size:1rem}
.document>h3:first-child{margin-top:0}
.sources{font-size:.9rem;color:var(--faint);margin:.6rem 0}.sources ul{margin:.4rem 0;padding-left:1.2rem}.sources li{margin:.3rem 0}
:target{background:var(--mark)}
summary{cursor:pointer}
.pictures{display:grid;grid-auto-flow:dense;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.5rem}
figure{margin:0;min-width:0}
.pictures img{display:block;max-width:100%;height:auto;margin:auto;background:#fff}
.pictures figure{border:1px solid var(--line);border-radius:10px;overflow:hidden;background:#fff;display:flex;flex-direction:column}
.pictures figure img{padding:.8rem;flex:0 1 auto}
.pictures .broad{grid-column:1/-1}
.pictures figcaption{background:var(--paper);border-top:1px solid var(--line);padding:.6rem .9rem;font-size:.9rem;color:var(--faint);margin-top:auto}
.pictures figcaption strong{display:block;color:var(--ink)}
figcaption{color:var(--faint);font-size:.9rem}
.graph svg{display:block;max-width:100%;height:auto;margin:0 auto .8rem}
.graph text{fill:var(--ink)}
.graph text[fill="#5c6780"]{fill:var(--faint)}
.graph .node path{fill:var(--ground);stroke:var(--edge)}
.graph .node.published path{fill:var(--soft);stroke:var(--accent)}
.graph .edge path:not([stroke=none]){stroke:var(--edge)}.graph .edge polygon{fill:var(--edge);stroke:var(--edge)}
.graph .edge polyline{stroke:var(--edge)}
.graph a:hover path{stroke:var(--accent);stroke-width:2}
.tools{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:1rem 0}.tools[hidden]{display:none}
.tools label{flex:1 1 14rem;display:flex;gap:.6rem;align-items:center}
input,button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--edge);border-radius:7px;padding:.35rem .7rem;min-height:2.4rem}
input{flex:1;min-width:0}button{cursor:pointer}button:hover{background:var(--soft)}
th button{all:unset;cursor:pointer;font:inherit;color:inherit}
th button:hover{color:var(--accent)}th button:focus-visible{outline:2px solid var(--accent)}
th[aria-sort=ascending] button::after{content:" ↑"}th[aria-sort=descending] button::after{content:" ↓"}
.stage{margin-bottom:2rem}.stage>.note{margin-top:0}
.cards{margin-top:.8rem}.many-cards,.shared{margin-top:.6rem}.many-cards>summary,.shared>summary{color:var(--faint);font-size:.95rem;padding:.3rem 0}
.card{border:1px solid var(--line);border-radius:9px;margin:.45rem 0;background:var(--paper)}
.card>summary{padding:.55rem .9rem;display:flex;flex-wrap:wrap;gap:.1rem .9rem;align-items:baseline;list-style:none;border-radius:9px}
.card>summary::-webkit-details-marker{display:none}
.card>summary::before{content:"";border:solid var(--faint);border-width:0 2px 2px 0;width:.42em;height:.42em;transform:rotate(-45deg);align-self:center;flex:none}
.card[open]>summary::before{transform:rotate(45deg)}
.card>summary:hover{background:var(--soft)}
.card>summary h3,.card>summary h4{margin:0;font-size:.98rem;font-weight:600;min-width:0}
.gist{color:var(--faint);font-size:.9rem;font-variant-numeric:tabular-nums}
.took{color:var(--faint);font-size:.9rem;margin-left:auto;white-space:nowrap}
.badge{font-size:.8rem;border-radius:99px;padding:.05rem .6rem;background:var(--warnpaper);color:var(--warn)}
.badge.failed{background:var(--badpaper);color:var(--bad)}
.inside{padding:.2rem .9rem .9rem;border-radius:0 0 9px 9px;scroll-margin-top:4rem}
.inside:target{background:none;box-shadow:inset 3px 0 var(--accent)}
.id{color:var(--faint);margin:.2rem 0 .8rem}
.blocks{columns:2 17rem;column-gap:2rem}
.block{break-inside:avoid;margin-bottom:1.1rem}.wide{column-span:all}
.columns{columns:3 15rem;column-gap:2rem;padding:.4rem 0 .6rem}.columns .pairs>div{break-inside:avoid}
.pairs{margin:0;font-size:.92rem}
.pairs>div{display:grid;grid-template-columns:minmax(6.5rem,10rem) minmax(0,1fr);gap:.8rem;padding:.16rem 0;border-bottom:1px solid color-mix(in srgb,var(--line) 55%,transparent)}
.pairs dt{color:var(--faint);overflow-wrap:anywhere}
.pairs dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere;min-width:0}
.digest{color:var(--faint);font-size:.78em}
.log{margin-top:1rem}.log pre{max-height:28rem;overflow:auto;font-size:.8rem}
.commands{padding-left:1.3rem}.commands li{margin:.9rem 0}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--faint);font-size:.88rem}
@media (max-width:40rem){.sheet{padding-top:1.4rem}.pairs>div{grid-template-columns:minmax(5.5rem,8rem) minmax(0,1fr)}.document .scroll table{font-size:.93rem}th,td{padding:.35rem .6rem}.took{margin-left:0}.facts{grid-template-columns:1fr 1fr}.facts>div{padding:.6rem .75rem}}
@media print{
:root{color-scheme:light;--paper:#fff;--ground:#fff;--ink:#000;--faint:#444;--line:#ccc;--accent:#000;--soft:#fff;--mark:#fff;--edge:#777;--warn:#000;--warnpaper:#fff;--bad:#000;--badpaper:#fff}
@page{margin:16mm 14mm}
body{font-size:10pt;padding:0}
.sheet{max-width:none;padding:0;border:0}
.screen,nav,.skip,.tools{display:none!important}
a{color:inherit;text-decoration:none}
h2{break-after:avoid;margin-top:1.6rem}h3,h4,h5,summary{break-after:avoid}
figure,tr,.block,.pairs>div,.scroll{break-inside:avoid}
.facts{grid-template-columns:repeat(4,1fr);break-inside:avoid}
.scroll{overflow:visible;background:none}.columns{columns:3;column-gap:1.2rem;padding:0 0 .4rem}.shared>summary{font-size:8.5pt}
table,.document .scroll table{font-size:8.5pt;width:auto}th,td{padding:.2rem .5rem;max-width:none}.document td.number{white-space:normal}.sortable{font-size:8pt!important}
thead{display:table-header-group}
.pictures{grid-template-columns:1fr 1fr;gap:.8rem}.pictures figure:only-child{grid-column:1/-1}
.pictures img{max-height:95mm}.graph svg{max-height:150mm}
.few #instances .card::details-content,.few .many-cards::details-content,.shared::details-content,.sources::details-content{content-visibility:visible;block-size:auto}
.many-cards>summary,.few .log:not([open]),.card .id{display:none}
.card{border:0;border-top:1px solid #aaa;border-radius:0;margin:0;padding:.4rem 0 .5rem;break-inside:avoid}
.card>summary{padding:0;font-size:9pt}.card>summary::before{display:none}.gist,.took{font-size:8.5pt}
.inside{padding:.2rem 0 0}.inside:target{box-shadow:none}
.blocks{columns:3;column-gap:1.2rem}.block{margin-bottom:.4rem}.stage>.note{break-after:avoid}h5{font-size:7.5pt;margin-bottom:.1rem}
.pairs,.pairs code,.pairs .digest{font-size:7.2pt}.pairs>div{grid-template-columns:minmax(0,44%) minmax(0,1fr);gap:.5rem;padding:.02rem 0;line-height:1.35}.wide .pairs>div{grid-template-columns:7rem 1fr}.inputs .digest{display:none}
.pairs>div{border-bottom-color:#e4e4e4}
.log pre{max-height:none}
pre{border:0;padding:0}
}
`;
