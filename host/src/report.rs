//! One style for every HTML report: one file, nothing loaded from elsewhere, no script, prints well.

pub mod ceremony;
pub mod keys;

use cardwright_keys::approval::one_line;
use std::fmt::{self, Write};

/// Text from anywhere, made harmless for HTML, control characters and direction marks shown as escapes.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if !one_line(c.encode_utf8(&mut [0; 4])) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text as it stands in a file or on a command line.
fn code(text: &str) -> String {
    format!("<code>{}</code>", Text(text))
}

/// A page under way.
#[derive(Clone, Debug)]
pub struct Page(String);

const STYLE: &str = "\
:root{--ink:#1d2733;--soft:#5b6875;--line:#d5dbe1;--paper:#fff;--head:#f3f5f7}\
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:75rem;margin:2rem auto;padding:0 1.5rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.4rem 0}.soft{color:var(--soft)}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line)}\
th{background:var(--head);font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}\
code,.mono{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}td:first-child{min-width:13rem}\
.s{display:inline-block;padding:0 .45rem;border-radius:.6rem;border:1px solid;white-space:nowrap}\
.pre-operational{color:#54606c;fill:#aab4be}.active{color:#17663a;fill:#2f9e5f}.suspended{color:#8a5a00;fill:#e0a526}\
.deactivated{color:#33598c;fill:#6f9bd1}.compromised{color:#a3161d;fill:#d13b42}.destroyed{color:#333;fill:#3c444d}\
svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .axis{stroke:var(--line)}\
@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}tr,svg{break-inside:avoid}.s,svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

impl Page {
    /// With a title, and a line under it.
    #[must_use]
    pub fn new(title: &str, under: &str) -> Self {
        Self::with_style(title, under, "")
    }

    /// With a title, a line under it, and rules of CSS behind those of every report.
    #[must_use]
    pub fn with_style(title: &str, under: &str, style: &str) -> Self {
        let (title, under) = (Text(title), Text(under));
        Self(format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>{title}</title><style>{STYLE}{style}</style></head>\n<body><h1>{title}</h1>\n<p class=\"soft\">{under}</p>\n"
        ))
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>", Text(text));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.0, "<p>{}</p>", Text(text));
    }

    /// A table. Cells are HTML: [`Text`] makes them so.
    pub fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", Text(head))).collect();
        let _ = writeln!(self.0, "<table><thead><tr>{heads}</tr></thead><tbody>");
        for row in rows {
            let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
            let _ = writeln!(self.0, "<tr>{cells}</tr>");
        }
        self.0.push_str("</tbody></table>\n");
    }

    /// HTML as it is: a drawing.
    pub fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// The whole page.
    #[must_use]
    pub fn end(mut self) -> String {
        self.0.push_str("</body></html>\n");
        self.0
    }
}
