//! What runs took, as each of them told it when it ended.

use crate::batch::exchanged::CLASSES;
use crate::batch::figures::{CommandFigures, Figures, ReaderFigures};
use cardwright_registry::jobs::RunEntry;
use std::collections::BTreeMap;

/// More kinds of commands than INS has values.
const KINDS: usize = 256;

/// The figures of all runs.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Those of each run, in their order; `None` where it told none, or none that can be read.
    pub(super) each: Vec<Option<Figures>>,
    /// Commands by name.
    pub(super) commands: BTreeMap<String, CommandFigures>,
    /// Runs that ended and of which nothing is known.
    pub(super) silent: usize,
}

/// Puts together what all runs told.
pub(super) fn merged(runs: &[RunEntry]) -> Merged {
    let mut merged = Merged::default();
    for run in runs {
        let figures = serde_json::from_str(&run.figures).ok().filter(is_sound);
        let added = figures.as_ref().and_then(|figures: &Figures| sum(&merged.commands, &figures.commands));
        merged.silent += usize::from(run.ended.is_some() && added.is_none());
        merged.each.push(figures.filter(|_| added.is_some()));
        merged.commands = added.unwrap_or(merged.commands);
    }
    merged
}

/// Whether a run tells such figures: what is kept in a file may be anything.
fn is_sound(figures: &Figures) -> bool {
    let counted = |command: &CommandFigures| {
        let sum = command.classes.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
        command.classes.len() == CLASSES.len() + 1 && sum == Some(command.count)
    };
    let readers = |of: fn(&ReaderFigures) -> u64| {
        figures.readers.iter().try_fold(0_u64, |sum, reader| sum.checked_add(of(reader))).is_some()
    };
    figures.commands.len() <= KINDS
        && figures.commands.values().all(counted)
        && readers(|reader| reader.accepted)
        && readers(|reader| reader.failed)
        && readers(|reader| reader.aside)
}

/// Both together, where they can be added.
fn sum(
    all: &BTreeMap<String, CommandFigures>,
    more: &BTreeMap<String, CommandFigures>,
) -> Option<BTreeMap<String, CommandFigures>> {
    let mut sum = all.clone();
    for (name, more) in more {
        let one = sum.entry(name.clone()).or_default();
        one.count = one.count.checked_add(more.count)?;
        one.total_us = one.total_us.saturating_add(more.total_us);
        one.max_us = one.max_us.max(more.max_us);
        one.classes.resize(CLASSES.len() + 1, 0);
        // They come to the count, which was added without passing its end.
        one.classes.iter_mut().zip(&more.classes).for_each(|(one, more)| *one += more);
    }
    (sum.len() <= KINDS).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::{CommandFigures, Figures, Merged, ReaderFigures, merged};
    use cardwright_registry::jobs::RunEntry;

    fn figures(count: u64) -> Figures {
        let mut classes = vec![0; 21];
        classes[3] = count;
        let command = CommandFigures { count, total_us: count * 300, max_us: 400, classes };
        Figures {
            readers: vec![ReaderFigures { accepted: count, ..ReaderFigures::default() }],
            commands: [("SELECT".to_owned(), command)].into(),
            took_us: 1,
        }
    }

    fn of(texts: &[String]) -> Merged {
        let run = |text: &String| RunEntry {
            id: 1,
            station: String::new(),
            operator: String::new(),
            began: 1,
            ended: Some(2),
            figures: text.clone(),
        };
        merged(&texts.iter().map(run).collect::<Vec<_>>())
    }

    fn text(figures: &Figures) -> String {
        serde_json::to_string(figures).unwrap()
    }

    #[test]
    fn runs_together() {
        let merged = of(&[text(&figures(3)), String::new(), text(&figures(4))]);
        let select = &merged.commands["SELECT"];
        assert_eq!((select.count, select.total_us, select.max_us, select.classes[3]), (7, 2100, 400, 7));
        assert_eq!((merged.silent, merged.each.iter().flatten().count()), (1, 2));
        assert_eq!(select.percentile(95), Some(400));
    }

    #[test]
    fn figures_that_no_run_tells() {
        let mut short = figures(3);
        short.commands.values_mut().for_each(|command| command.classes.truncate(2));
        let mut wrong = figures(3);
        wrong.commands.values_mut().for_each(|command| command.count = 4);
        let mut readers = figures(3);
        readers.readers.push(ReaderFigures { accepted: u64::MAX, ..ReaderFigures::default() });
        let many = Figures {
            commands: (0..300).map(|n| (n.to_string(), figures(1).commands["SELECT"].clone())).collect(),
            ..figures(1)
        };
        for bad in [short, wrong, readers, many] {
            let merged = of(&[text(&bad)]);
            assert_eq!((merged.silent, merged.commands.len()), (1, 0), "{bad:?}");
        }
        let mut most = figures(1);
        most.commands.values_mut().for_each(|command| (command.count, command.classes[3]) = (u64::MAX, u64::MAX));
        let merged = of(&[text(&most), text(&figures(1)), "{}".to_owned(), "null".to_owned()]);
        assert_eq!((merged.silent, merged.commands["SELECT"].count), (3, u64::MAX));
    }
}
