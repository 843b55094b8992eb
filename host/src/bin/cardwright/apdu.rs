//! `cardwright apdu`: commands as they are, in clear or through a secure channel.

use crate::advice::Failure;
use crate::args::{ApduArgs, KeyText};
use crate::config::Settings;
use crate::setup::AnyCard;
use crate::{output, setup};
use cardwright::books::Books;
use cardwright::card::Long;
use cardwright::error::Error;
use cardwright::identify::select;
use cardwright::session::{Session, open};
use cardwright::world::Os;
use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::scp::{ScpError, SessionCipher};
use cardwright_proto::status::StatusWord;
use serde_json::json;
use std::fmt::Write;

const NAME: &str = "APDU";

/// One answer, as it is printed.
struct Answer {
    data: Vec<u8>,
    sw: StatusWord,
}

impl From<Response<'_>> for Answer {
    fn from(response: Response<'_>) -> Self {
        Self { data: response.data.to_vec(), sw: response.sw }
    }
}

/// What was answered, and why it stopped there, if it did.
struct Run {
    answers: Vec<Answer>,
    stopped: Option<Error>,
}

pub(crate) fn run(settings: &Settings, args: &ApduArgs) -> Result<(), Failure> {
    let commands = parse(&args.commands)?;
    let run = match &args.secure {
        Some(key) => setup::with_keys(|| through_channel(settings, args, key, &commands))?,
        None => in_clear(args, &mut setup::open_card(settings)?, &commands)?,
    };
    let Run { answers, stopped } = run;
    let stopped = stopped.map(Failure::Stopped);
    print(settings.json, &answers, stopped.as_ref())?;
    if let Some(failure) = stopped {
        return Err(failure);
    }
    let refused = |answer: &&Answer| !answer.sw.is_ok() && !answer.sw.is_warning();
    answers.iter().rfind(refused).map_or(Ok(()), |answer| Err(Failure::Refused(answer.sw)))
}

/// All are read before any is sent.
fn parse(commands: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    let parse = |(number, text): (usize, &String)| -> Result<Vec<u8>, Failure> {
        let text: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
        let bytes = hex::decode(text).map_err(|_| Failure::Hex(number))?;
        Command::parse(&bytes).map_err(|error| Failure::BadCommand { number, error })?;
        Ok(bytes)
    };
    (1..).zip(commands).map(parse).collect()
}

fn in_clear(args: &ApduArgs, card: &mut AnyCard, commands: &[Vec<u8>]) -> Result<Run, Failure> {
    if !args.channel.aid.0.is_empty() {
        select(card, &args.channel.aid.0)?;
    }
    let long = if args.chain { Long::Chained } else { Long::Extended };
    Ok(each(args, commands, |command| {
        let raw = card.exchange(NAME, command, long)?;
        Ok(Response::parse(raw).map_err(|error| Error::Apdu { command: NAME, error })?.into())
    }))
}

fn through_channel(settings: &Settings, args: &ApduArgs, key: &KeyText, commands: &[Vec<u8>]) -> Result<Run, Failure> {
    let key = setup::key_ref(key)?;
    let vault = setup::load_keys(settings, [&key])?;
    setup::readable(&vault, [&key])?;
    let mut kept = setup::open_books(settings)?;
    let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
    let mut card = setup::open_card(settings)?;
    let choices = setup::choices(&args.channel, args.level);
    let opened = open(&mut card, &mut Os, (&vault, &key), &choices, &mut books)?;
    setup::warn_of_first_sight(opened.first_sight && kept.lasting);
    let long = if args.chain { Long::Chained } else { Long::Extended };
    let mut session = opened.session.with_long(long);
    Ok(each(args, commands, |command| send(&mut session, command)))
}

/// A command that ends the session is answered by its status word like any other.
fn send<T, C>(session: &mut Session<'_, T, C>, command: &[u8]) -> Result<Answer, Error>
where
    T: cardwright_link::Transport,
    C: SessionCipher,
{
    let command = Command::parse(command).map_err(|error| Error::Apdu { command: NAME, error })?;
    match session.send(NAME, &command) {
        Ok(response) => Ok(response.into()),
        Err(Error::Scp { error: ScpError::Ended(sw), .. }) => Ok(Answer { data: Vec::new(), sw }),
        Err(error) => Err(error),
    }
}

fn each(args: &ApduArgs, commands: &[Vec<u8>], mut send: impl FnMut(&[u8]) -> Result<Answer, Error>) -> Run {
    let mut run = Run { answers: Vec::with_capacity(commands.len()), stopped: None };
    for command in commands {
        match send(command) {
            Ok(answer) => {
                let refused = !answer.sw.is_ok() && !answer.sw.is_warning();
                run.answers.push(answer);
                if refused && args.stop_on_error {
                    break;
                }
            }
            Err(error) => {
                run.stopped = Some(error);
                break;
            }
        }
    }
    run
}

fn print(json: bool, answers: &[Answer], stopped: Option<&Failure>) -> Result<(), Failure> {
    if json {
        let response = |a: &Answer| json!({ "data": hex::encode_upper(&a.data), "sw": a.sw.to_string() });
        let responses: Vec<_> = answers.iter().map(response).collect();
        return output::json(&match stopped {
            Some(failure) => json!({ "responses": responses, "error": failure.json() }),
            None => json!({ "responses": responses }),
        });
    }
    let mut out = String::new();
    for answer in answers {
        let meaning = answer.sw.meaning().unwrap_or("no standard meaning");
        if !answer.data.is_empty() {
            let _ = writeln!(out, "{}", hex::encode_upper(&answer.data));
        }
        let _ = writeln!(out, "{}  {meaning}", answer.sw);
    }
    output::text(&out)
}
