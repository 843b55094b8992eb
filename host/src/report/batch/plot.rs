//! Drawings in SVG. They are to be read in black and white, too; every number in them stands as a title on its bar.

use super::outside::outside;
use crate::report::Text;
use std::fmt::Write;

const LEFT: u64 = 260;
const WIDTH: u64 = 820;
/// Room for figures at the end of a bar.
const RIGHT: u64 = 220;
const HEIGHT: u64 = 170;
/// Of a lane of a row, in which one bar is.
const LANE: u64 = 9;

/// The longest name beside a bar, in characters.
const NAME: usize = 38;

/// The style of all of them.
pub(super) const STYLE: &str = "\
.good{fill:#2b6e4a}.bad{fill:#c9474d}.q50{fill:#1d2733}.q95{fill:#8492a0}.max{fill:#cdd4da}.bar{fill:#33598c}\
.k{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 .9rem;border:1px solid #555}\
.k.good{background:#2b6e4a}.k.bad{background:#c9474d}.k.q50{background:#1d2733}.k.q95{background:#8492a0}.k.max{background:#cdd4da}";

/// What each colour means: class and words.
pub(super) fn legend(of: &[(&str, &str)]) -> String {
    let one = |(class, words): &(&str, &str)| format!("<span class=\"k {class}\"></span>{}", Text(words));
    format!("<p>{}</p>\n", of.iter().map(one).collect::<String>())
}

/// Columns side by side: what each is, and how many. `from` and `to` stand below.
pub(super) fn columns(label: &str, (from, to): (&str, &str), all: &[(String, u64)]) -> String {
    let count = (all.len() as u64).max(1);
    let most = all.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let (label, from, to) = (Text(label), Text(from), Text(to));
    let (whole, foot) = (LEFT + WIDTH, HEIGHT + 34);
    let mut svg = format!("<svg viewBox=\"0 0 {whole} {foot}\" role=\"img\" aria-label=\"{label}\">\n");
    let left = 60;
    let room = whole - left;
    for (at, (what, value)) in (0_u64..).zip(all) {
        let (x, next) = (left + at * room / count, left + (at + 1) * room / count);
        let tall = share(*value, most, HEIGHT);
        let gap = u64::from(next - x > 4);
        let _ = writeln!(
            svg,
            "<rect class=\"bar\" x=\"{x}\" y=\"{}\" width=\"{}\" height=\"{tall}\"><title>{}: {value}</title></rect>",
            HEIGHT + 12 - tall,
            (next - x - gap).max(1),
            Text(what)
        );
    }
    let base = HEIGHT + 12;
    let _ = writeln!(svg, "<line class=\"axis\" x1=\"{left}\" x2=\"{whole}\" y1=\"{base}\" y2=\"{base}\"/>");
    let _ = writeln!(svg, "<line class=\"axis\" x1=\"{left}\" x2=\"{whole}\" y1=\"12\" y2=\"12\"/>");
    let _ = writeln!(svg, "<text x=\"{}\" y=\"16\" text-anchor=\"end\">{most}</text>", left - 6);
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">0</text>", left - 6);
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\">{from}</text>", foot - 4);
    let _ = writeln!(svg, "<text x=\"{whole}\" y=\"{}\" text-anchor=\"end\">{to}</text></svg>", foot - 4);
    svg
}

/// A piece of a bar.
pub(super) struct Piece {
    pub(super) class: &'static str,
    /// In thousandths of the room that there is.
    pub(super) wide: u64,
    pub(super) title: String,
}

/// A name with its bars, one below the other, each of pieces in a row.
pub(super) struct Row {
    /// From outside.
    pub(super) name: String,
    pub(super) lanes: Vec<Vec<Piece>>,
    /// Figures behind the bars.
    pub(super) figures: String,
}

/// Bars that lie.
pub(super) fn bars(label: &str, rows: &[Row]) -> String {
    let tall = |row: &Row| (row.lanes.len() as u64 * LANE).max(14) + 10;
    let height: u64 = rows.iter().map(tall).sum();
    let whole = LEFT + WIDTH;
    let mut svg = format!("<svg viewBox=\"0 0 {whole} {height}\" role=\"img\" aria-label=\"{}\">\n", Text(label));
    let mut top = 2;
    for row in rows {
        let name = outside(&row.name);
        let short: String = name.chars().take(NAME).collect();
        let dots = if short.len() < name.len() { "..." } else { "" };
        let (middle, end) = (top + tall(row) / 2 + 1, whole - RIGHT + 8);
        let _ =
            writeln!(svg, "<text x=\"0\" y=\"{middle}\">{}{dots}<title>{}</title></text>", Text(&short), Text(&name));
        for (at, lane) in (0_u64..).zip(&row.lanes) {
            let mut x = LEFT;
            let high = if row.lanes.len() == 1 { 14 } else { LANE - 2 };
            for Piece { class, wide, title } in lane.iter().filter(|piece| piece.wide > 0) {
                let width = (WIDTH - RIGHT) * (*wide).min(1000) / 1000;
                let (y, title) = (top + at * LANE, Text(title));
                let _ = writeln!(
                    svg,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{high}\"><title>{title}</title></rect>"
                );
                x += width;
            }
        }
        let _ = writeln!(svg, "<text x=\"{end}\" y=\"{middle}\">{}</text>", Text(&row.figures));
        top += tall(row);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A part of a whole, in that unit; what is there at all is seen.
pub(super) fn share(part: u64, whole: u64, unit: u64) -> u64 {
    let exact = u128::from(part) * u128::from(unit) / u128::from(whole.max(1));
    u64::try_from(exact).unwrap_or(unit).max(u64::from(part > 0)).min(unit)
}

/// Where a duration is between two others on a logarithmic scale, in thousandths.
pub(super) fn log(us: u64, from: u64, to: u64) -> u64 {
    let place = |us: u64| {
        let octave = us.max(1).ilog2();
        let beyond = us.max(1) - (1 << octave);
        u64::from(octave) * 1000 + share(beyond, 1 << octave, 1000)
    };
    let (from, to) = (place(from), place(to));
    share(place(us).saturating_sub(from), (to - from.min(to)).max(1), 1000)
}

/// A duration for people.
pub(super) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} \u{B5}s"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        1_000_000..60_000_000 => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
        _ => {
            let seconds = us / 1_000_000;
            format!("{}:{:02}:{:02} h", seconds / 3600, seconds / 60 % 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, Row, bars, columns, duration, log, share};

    #[test]
    fn parts_of_a_bar() {
        assert_eq!((share(0, 10, 100), share(5, 10, 100), share(10, 10, 100)), (0, 50, 100));
        assert_eq!((share(1, u64::MAX, 100), share(u64::MAX, 1, 100), share(1, 0, 100)), (1, 100, 100));
        assert_eq!((log(64, 64, 1024), log(256, 64, 1024), log(1024, 64, 1024)), (0, 500, 1000));
        assert_eq!((log(0, 64, 64), log(u64::MAX, 64, u64::MAX), log(1, 64, 1024)), (0, 1000, 0));
    }

    #[test]
    fn durations() {
        let shown = [7, 1_250, 999_999, 1_234_567, 59_999_999, 304_000_000].map(duration);
        assert_eq!(shown, ["7 \u{B5}s", "1.2 ms", "999.9 ms", "1.23 s", "59.99 s", "0:05:04 h"]);
    }

    #[test]
    fn names_in_a_drawing_are_text() {
        let piece = || Piece { class: "bad", wide: 9999, title: "<b>".to_owned() };
        let row = Row {
            name: "<script>4111111111111111</script>\"".repeat(3),
            lanes: vec![vec![piece()]],
            figures: "<i>".to_owned(),
        };
        let drawn = bars("<x>", &[row]) + &columns("<y>", ("<f>", "<t>"), &[("<z>".to_owned(), 3)]);
        for raw in ["<b>", "<script", "<i>", "<x>", "<y>", "<z>", "<f>", "<t>", "4111111111111111"] {
            assert!(!drawn.contains(raw), "{raw}\n{drawn}");
        }
        assert!(drawn.contains("&lt;script&gt;411111******1111&lt;/script&gt;"), "{drawn}");
    }
}
