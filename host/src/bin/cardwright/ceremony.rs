//! `cardwright ceremony`: a master key dealt to cards, drilled, released, destroyed; transcripts verified.

pub(crate) mod advice;
mod host;
mod into;
mod plan;
mod report;
pub(crate) mod report_html;
mod terminal;
pub(crate) mod verify;

use crate::advice::Failure;
use crate::args::{
    AbandonArgs, CardsArgs, CeremonyCommand, DestroySharesArgs, DirArgs, DrillArgs, IntoArgs, KeyText, ReleaseArgs,
    RunArgs,
};
use crate::config::Settings;
use crate::setup;
use cardwright::books::Books;
use cardwright::ceremony::course::From;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::{Ceremony, CeremonyError, Done, HsmKey, Wish, World, hsm_key, operation};
use cardwright::error::Error;
use cardwright::world::Os;
use cardwright_hsm::Keyring;
use cardwright_keys::ceremony::plan::{CeremonyMode, Plan};
use cardwright_proto::custody::manifest::Operation;
use into::{Release, Target};
use std::path::Path;
use terminal::Terminal;

pub(crate) fn run(settings: &Settings, command: &CeremonyCommand) -> Result<(), Failure> {
    match command {
        CeremonyCommand::Plan(args) => plan::run(settings.json, args),
        CeremonyCommand::Run(args) => deal(settings, args),
        CeremonyCommand::Status(args) => show(settings, args),
        CeremonyCommand::Drill(args) => drill(settings, args),
        CeremonyCommand::Release(args) => release(settings, args),
        CeremonyCommand::Destroy(args) => destroy(settings, args),
        CeremonyCommand::Abandon(args) => abandon(settings, args),
        CeremonyCommand::Verify(args) => verify::run(settings.json, args),
        CeremonyCommand::Report(args) => report_html::run(settings.json, args),
    }
}

fn show(settings: &Settings, args: &DirArgs) -> Result<(), Failure> {
    let directory = Directory::read(&args.dir).map_err(Error::from)?;
    report::status(settings.json, &directory)
}

fn deal(settings: &Settings, args: &RunArgs) -> Result<(), Failure> {
    let plan = args.plan.as_deref().map(plan::read).transpose()?;
    let hsm = args.hsm_key.as_deref().map(load_hsm_key).transpose()?;
    if is_host_mode(&args.cards, plan.as_ref())? {
        return host::deal(settings, args, plan.as_ref());
    }
    if args.split.is_some() || args.wrapped.is_some() {
        return Err(Error::from(CeremonyError::BlindMode).into());
    }
    if args.cards.dry_run && plan.is_some() && !args.cards.dir.join("plan.toml").exists() {
        let plan = plan.as_ref().map(|plan| Directory::planned(&args.cards.dir, plan.clone()));
        return plan
            .map_or(Ok(()), |directory| report::dry_run(settings.json, &directory, Operation::Deal, &Wish::default()));
    }
    let wish = Wish { hsm, test_ca: args.test_ca, ..Wish::default() };
    let beside = Beside { plan: plan.as_ref(), into: Some(&args.into), dice: &args.dice };
    carry_out(settings, &args.cards, beside, wish, false)
}

fn drill(settings: &Settings, args: &DrillArgs) -> Result<(), Failure> {
    if is_host_mode(&args.cards, None)? {
        return host::drill(settings, args);
    }
    let wish = Wish {
        operation: Some(Operation::Drill),
        from: from(&args.from),
        new_combiner: args.new_combiner,
        ..Wish::default()
    };
    carry_out(settings, &args.cards, Beside::default(), wish, true)
}

fn release(settings: &Settings, args: &ReleaseArgs) -> Result<(), Failure> {
    let hsm = args.hsm_key.as_deref().map(load_hsm_key).transpose()?;
    if is_host_mode(&args.cards, None)? {
        return host::release(settings, args);
    }
    let (from, new_combiner) = (from(&args.from), args.new_combiner);
    let wish = Wish { operation: Some(Operation::Release), from, hsm, new_combiner, ..Wish::default() };
    carry_out(settings, &args.cards, Beside { into: Some(&args.into), ..Beside::default() }, wish, true)
}

fn destroy(settings: &Settings, args: &DestroySharesArgs) -> Result<(), Failure> {
    if is_host_mode(&args.cards, None)? {
        return host::destroy(settings, args);
    }
    let wish = Wish { operation: Some(Operation::Destroy), ..Wish::default() };
    carry_out(settings, &args.cards, Beside::default(), wish, args.yes)
}

/// Whether shares pass through this computer: by the plan that is given, or else by the ceremony's.
fn is_host_mode(args: &CardsArgs, plan: Option<&Plan>) -> Result<bool, Failure> {
    let mode = match plan {
        Some(plan) => plan.mode,
        None => Directory::read(&args.dir).map_err(Error::from)?.plan.mode,
    };
    Ok(mode == CeremonyMode::Host)
}

/// Custodians by number; none named: as many as it takes.
fn from(numbers: &[u8]) -> From {
    if numbers.is_empty() { From::Enough } else { From::Only(numbers.to_vec()) }
}

/// What some operations need beside cards.
#[derive(Default)]
struct Beside<'a> {
    /// To begin with.
    plan: Option<&'a Plan>,
    /// Where a release goes.
    into: Option<&'a IntoArgs>,
    /// What custodians of a deal throw.
    dice: &'a [KeyText],
}

/// Opens the directory, and carries out what is wished for there. `yes`: what cannot be undone is meant.
fn carry_out(
    settings: &Settings,
    args: &CardsArgs,
    Beside { plan, into, dice }: Beside<'_>,
    mut wish: Wish,
    yes: bool,
) -> Result<(), Failure> {
    wish.sequence = args.sequence;
    if args.dry_run {
        let directory = Directory::read(&args.dir).map_err(Error::from)?;
        let operation = operation(&directory, wish.operation).map_err(Error::from)?;
        return report::dry_run(settings.json, &directory, operation, &wish);
    }
    let done = in_directory(settings, args, plan, yes, |world, directory| {
        let operation = operation(directory, wish.operation).map_err(Error::from)?;
        if into.is_some_and(|into| into.into.is_some()) && operation != Operation::Release {
            return Err(terminal::stop(CeremonyError::NoRelease(operation)));
        }
        world.people.take_dice(&directory.plan, dice)?;
        if let Some(target) = into.map(|into| Target::open(settings, directory, into)).transpose()?.flatten() {
            let release = Release::open(target, directory)?;
            wish.hsm = Some(release.hsm_key()?);
            world.people.deliver_into(release);
        }
        Ceremony::begin(world, directory, wish)?.run()
    })?;
    report::done(settings.json, &args.dir, &done)
}

fn abandon(settings: &Settings, args: &AbandonArgs) -> Result<(), Failure> {
    if args.cards.dry_run {
        return report::abandon_dry_run(settings.json, &Directory::read(&args.cards.dir).map_err(Error::from)?);
    }
    if is_host_mode(&args.cards, None)? {
        return host::abandon(settings, args);
    }
    let done = in_directory(settings, &args.cards, None, args.yes, |world, directory| {
        let done = Ceremony::abandon(world, directory, args.without_card)?;
        into::discard(directory, done.number)?;
        Ok(done)
    })?;
    report::done(settings.json, &args.cards.dir, &done)
}

/// Runs `work` with the directory locked, the keys loaded and the books open. Where it stops, and something is unfinished
/// then, the failure says so.
fn in_directory(
    settings: &Settings,
    args: &CardsArgs,
    plan: Option<&Plan>,
    yes: bool,
    work: impl FnOnce(World<'_, '_, Terminal<'_>, Keyring>, &Directory) -> Result<Done, Failure>,
) -> Result<Done, Failure> {
    let key = setup::key_ref(args.key.as_ref().unwrap_or(&KeyText(String::new())))?;
    let directory = Directory::open(&args.dir, plan).map_err(Error::from)?;
    into::discard_ended(&directory)?;
    let mut people = Terminal::new(settings, args, &directory, yes)?;
    let done = setup::with_keys(|| {
        let vault = setup::load_keys(settings, [&key])?;
        setup::readable(&vault, [&key])?;
        let mut kept = setup::open_books(settings)?;
        let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
        let accept_risk = args.accept_risk;
        let (vault, key, books) = (&vault, &key, &mut books);
        let world = World { people: &mut people, vault, key, accept_risk, books, entropy: &mut Os, clock: &Os };
        let done = work(world, &directory)?;
        people.released()?;
        Ok(done)
    });
    done.map_err(|error| unfinished(&args.dir, error))
}

/// A failure behind which something is to be gone on with, unless it is the wish that does not fit what is unfinished.
fn unfinished(dir: &Path, error: Failure) -> Failure {
    if let Failure::Use(Error::Ceremony(why)) = &error
        && matches!(
            **why,
            CeremonyError::Unfinished { .. }
                | CeremonyError::DoneAfterAll(_)
                | CeremonyError::NoRelease(_)
                | CeremonyError::FewNamed { .. }
                | CeremonyError::OtherCa { .. }
                | CeremonyError::NoHsm
                | CeremonyError::OtherHsm
                | CeremonyError::NoCustodian(_)
        )
    {
        return error;
    }
    let open = Directory::read(dir).is_ok_and(|directory| directory.unfinished().is_some());
    if open { Failure::Unfinished(Box::new(error)) } else { error }
}

fn load_hsm_key(path: &Path) -> Result<HsmKey, Failure> {
    hsm_key::load(path).map_err(|error| Failure::HsmKey { path: path.to_owned(), error })
}
