//! What a ceremony's report looks like beyond what all reports do: A4, black and white.

use crate::report::marked;

const STYLE: &str = "\
@page{size:A4;margin:16mm 14mm 18mm;@bottom-right{content:counter(page) \" / \" counter(pages);font:9px sans-serif}}\
td:first-child{min-width:0}\
.says{border:2px solid var(--ink);padding:.5rem .9rem;margin:1rem 0;font-weight:600}\
.t{white-space:nowrap}.words{font-weight:600}table+p{margin-top:.6rem;break-before:avoid}tr,.label,.says{break-inside:avoid}thead{display:table-header-group}\
.subset{display:inline-block;font:12px/1.4 ui-monospace,monospace;border:1px solid var(--ink);padding:0 .4rem;margin:.12rem}\
.subset.not{border-style:dashed;color:var(--soft)}\
.quorum{max-width:46rem;display:block;margin:0 auto}.quorum text{text-anchor:middle}.quorum .b{font-weight:600}\
.quorum .node{fill:#fff;stroke:#000;stroke-width:2}.quorum .held{fill:#222}.quorum .word{fill:#ccc}\
.quorum .held+text{fill:#fff}.quorum .open{stroke-dasharray:4 4}.quorum .x{stroke:#000;stroke-width:2.5}\
.quorum .way{stroke:#777;stroke-width:1;stroke-dasharray:2 5}.quorum .way.went{stroke:#000;stroke-width:2;stroke-dasharray:none}\
.labels{break-before:page}.sheet{display:grid;grid-template-columns:1fr 1fr;gap:0}\
.label{border:1px dashed #555;padding:.7rem .9rem;min-height:9rem;font-size:13px}.label b{font-size:1.35rem}.label p{margin:.15rem 0}\
@media print{body{padding:0;font-size:10px}code{font-size:9px}.soft{color:#333}th,td{padding:.12rem .4rem}h1{font-size:1.5rem}\
h2{font-size:1rem;margin:1rem 0 .25rem}.subset{font-size:9px}.quorum{max-width:34rem}\
.label{font-size:10px;min-height:25mm;padding:.4rem .8rem}.label b{font-size:1.1rem}}";

/// The rules of CSS.
pub(super) fn of(test_ca: bool) -> String {
    if test_ca { format!("{STYLE}{}", marked("TEST CA: not evidence of anything")) } else { STYLE.to_owned() }
}
