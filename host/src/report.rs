//! One style for every HTML report: one file, nothing loaded from elsewhere, no script, prints well.

pub mod batch;
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
                c => shown(c, f)?,
            }
        }
        Ok(())
    }
}

/// A character as it is, or as an escape where a screen would act on it.
fn shown(c: char, to: &mut impl Write) -> fmt::Result {
    if one_line(c.encode_utf8(&mut [0; 4])) { to.write_char(c) } else { write!(to, "{}", c.escape_unicode()) }
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

/// A [`Page::mark`] on every printed page.
const MARK: &str = "\
.mark{position:fixed;top:40%;left:0;right:0;text-align:center;font:800 7rem/1 sans-serif;letter-spacing:.1em;\
transform:rotate(-32deg);color:#000;opacity:.09;z-index:1;pointer-events:none;\
print-color-adjust:exact;-webkit-print-color-adjust:exact}";

/// Rules of CSS for a page that is marked, with the words at the foot of each printed page.
fn marked(foot: &str) -> String {
    format!("{MARK}@page{{@bottom-left{{content:\"{foot}\";font:700 10px sans-serif}}}}")
}

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
        self.begin_table(heads);
        rows.iter().for_each(|row| self.row(row));
        self.end_table();
    }

    /// Begins a table whose rows come one after the other.
    fn begin_table(&mut self, heads: &[&str]) {
        let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", Text(head))).collect();
        let _ = writeln!(self.0, "<table><thead><tr>{heads}</tr></thead><tbody>");
    }

    /// A row, as [`Self::table`] has them.
    fn row(&mut self, cells: &[String]) {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(self.0, "<tr>{cells}</tr>");
    }

    fn end_table(&mut self) {
        self.0.push_str("</tbody></table>\n");
    }

    /// A word behind the text of every page; the style has [`marked`] then.
    fn mark(&mut self, word: &str) {
        let _ = writeln!(self.0, "<div class=\"mark\">{}</div>", Text(word));
    }

    /// What there is of it so far: a page that is long is written in pieces.
    fn so_far(&mut self) -> String {
        std::mem::take(&mut self.0)
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
