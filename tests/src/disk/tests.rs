//! Programs of which is known what they do to files.

use super::{Disk, Fault, Operation, Watched};
use crate::cli::Desk;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

const TEXT: &str = "0123456789abcdef";
const OPEN: usize = 0;
const FIRST: usize = 1;
const SECOND: usize = 2;
const SYNC: usize = 3;

/// dd copies 16 bytes in two writes, and makes them durable.
fn copy(fault: Option<(usize, Fault)>) -> (Watched, Option<String>) {
    let desk = Desk::new();
    std::fs::create_dir(desk.path().join("state")).unwrap();
    std::fs::write(desk.path().join("in"), TEXT).unwrap();
    let run = start(&desk, "dd", &["if=in", "of=state/out", "bs=8", "conv=fsync", "status=none"], fault);
    (run, std::fs::read_to_string(desk.path().join("state/out")).ok())
}

fn start(desk: &Desk, program: &str, args: &[&str], fault: Option<(usize, Fault)>) -> Watched {
    let mut command = Command::new(program);
    command.args(args).current_dir(desk.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Disk::of_state(desk).start(command, fault)
}

fn brief(operations: &[Operation]) -> Vec<(&str, u64, &str)> {
    operations.iter().map(|operation| (&*operation.name, operation.len, &*operation.file)).collect()
}

#[test]
fn operations_are_counted() {
    let (run, out) = copy(None);
    assert_eq!((run.outcome.code(), out.as_deref()), (0, Some(TEXT)));
    assert_eq!(
        brief(&run.operations),
        [("open", 0, "out"), ("write", 8, "out"), ("write", 8, "out"), ("fsync", 0, "out")]
    );
    assert!(run.operations.iter().map(|operation| operation.number).eq(0..4));
    assert_eq!((run.hit(), run.behind_hit()), (None, &[][..]));
    let full = run.points(&[Fault::Full, Fault::Short, Fault::SyncError]);
    let at = |fault, numbers: &[usize]| numbers.iter().map(|number| (*number, fault)).collect::<Vec<_>>();
    let of = |fault| full.iter().copied().filter(|point| point.1 == fault).collect::<Vec<_>>();
    assert_eq!(of(Fault::Full), at(Fault::Full, &[OPEN, FIRST, SECOND]));
    assert_eq!(of(Fault::Short), at(Fault::Short, &[FIRST, SECOND]));
    assert_eq!(of(Fault::SyncError), at(Fault::SyncError, &[SYNC]));
}

/// What stands in the file afterwards, for each kind at each operation; `None`: there is no file.
#[test]
fn each_kind_does_what_it_says() {
    let killed = [
        (OPEN, Fault::Kill, None),
        (OPEN, Fault::KillAfter, Some("")),
        (FIRST, Fault::Kill, Some("")),
        (FIRST, Fault::Short, Some(&TEXT[..4])),
        (FIRST, Fault::KillAfter, Some(&TEXT[..8])),
        (SECOND, Fault::Kill, Some(&TEXT[..8])),
        (SECOND, Fault::Short, Some(&TEXT[..12])),
        (SYNC, Fault::Kill, Some(TEXT)),
        (SYNC, Fault::KillAfter, Some(TEXT)),
    ];
    for (at, fault, left) in killed {
        let (run, out) = copy(Some((at, fault)));
        assert_eq!((run.outcome.status.signal(), out.as_deref()), (Some(9), left), "{at}:{fault:?}: {run:#?}");
        assert_eq!(run.hit().map(|hit| (hit.number, hit.fault)), Some((at, Some(fault))));
        assert_eq!(run.behind_hit(), []);
    }
    let failed = [
        (OPEN, Fault::Full, None, "No space left"),
        (FIRST, Fault::Full, Some(&TEXT[..4]), "No space left"),
        (SECOND, Fault::Full, Some(&TEXT[..12]), "No space left"),
        (OPEN, Fault::Io, None, "Input/output error"),
        (SECOND, Fault::Io, Some(&TEXT[..8]), "Input/output error"),
        (SYNC, Fault::SyncError, Some(TEXT), "Input/output error"),
    ];
    for (at, fault, left, said) in failed {
        let (run, out) = copy(Some((at, fault)));
        assert_eq!((run.outcome.code(), out.as_deref()), (1, left), "{at}:{fault:?}: {run:#?}");
        assert!(run.outcome.stderr.contains(said), "{run:#?}");
        assert_eq!(run.hit().map(|hit| (hit.number, hit.fault)), Some((at, Some(fault))));
    }
}

#[test]
fn a_kind_that_does_not_fit_does_nothing() {
    for point in [(OPEN, Fault::Short), (FIRST, Fault::SyncError), (SYNC, Fault::Full), (4, Fault::Kill)] {
        let (run, out) = copy(Some(point));
        assert_eq!((run.outcome.code(), out.as_deref(), run.hit()), (0, Some(TEXT), None), "{point:?}: {run:#?}");
    }
}

/// What changes names is seen under all of its names, wherever it is called from; what happens elsewhere is not.
#[test]
fn names_and_directories() {
    let desk = Desk::new();
    let run = |program: &str, args: &[&str]| {
        let run = start(&desk, program, args, None);
        assert_eq!(run.outcome.code(), 0, "{run:#?}");
        run.operations.iter().map(|operation| format!("{} {}", operation.name, operation.file)).collect::<Vec<_>>()
    };
    assert_eq!(run("mkdir", &["state", "state/new", "statement"]), ["mkdir .", "mkdir new"]);
    assert_eq!(run("sh", &["-c", "out=$PWD; cd state/new; : > a; : > \"$out/b\"; : > /dev/null"]), ["open new/a"]);
    assert_eq!(run("mv", &["state/new/a", "state/b"]), ["renameat2 b"]);
    assert_eq!(run("ln", &["state/b", "state/c"]), ["linkat c"]);
    assert_eq!(run("truncate", &["--size=5", "state/b"]), ["ftruncate b"]);
    assert_eq!(run("sync", &["state"]), ["fsync ."]);
    assert_eq!(run("mv", &["state/b", "taken-out"]), ["renameat2 b"]);
    assert_eq!(run("rm", &["state/c"]), ["unlinkat c"]);
}
