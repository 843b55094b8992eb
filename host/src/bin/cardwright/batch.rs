//! `cardwright batch`: cards by the thousand.

pub(crate) mod advice;
mod cut_off;
mod job;
mod people;
mod plan;
mod progress;
mod report;
mod run;
mod seal;
mod sign;
mod status;

use crate::advice::Failure;
use crate::args::BatchCommand;
use crate::config::Settings;

pub(crate) fn run(settings: &Settings, command: &BatchCommand) -> Result<(), Failure> {
    match command {
        BatchCommand::Plan(args) => plan::run(settings, args),
        BatchCommand::Run(args) => run::run(settings, args),
        BatchCommand::Status(args) => status::run(settings, args),
        BatchCommand::Pause(args) => status::pause(settings, args),
        BatchCommand::Resume(args) => status::resume(settings, args),
        BatchCommand::Stop(args) => status::stop(settings, args),
        BatchCommand::Recover(args) => cut_off::recover(settings, args),
        BatchCommand::Retry(args) => people::retry(settings, args),
        BatchCommand::Reject(args) => people::reject(settings, args),
        BatchCommand::Remake(args) => people::remake(settings, args),
        BatchCommand::Cancel(args) => people::cancel(settings, args),
        BatchCommand::Sign(args) => sign::sign(settings, args),
        BatchCommand::Close(args) => people::close(settings, args),
        BatchCommand::Report(args) => report::run(settings, args),
        BatchCommand::Seal(args) => seal::run(settings, args),
    }
}
