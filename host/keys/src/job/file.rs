//! The form of a job's file, and how it becomes a [`Job`].

use super::rules::{self, DataLines, Place};
use super::{
    Cards, Data, Delivery, Job, JobError, LifeCycle, MAX_LEN, PATH_MAX, PROFILE_MAX, READERS_MAX, Stop, Target, Verify,
};
use crate::approval::{one_line, reason};
use crate::keyref::{KeyRef, Name, parse_byte};
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_proto::scp::SecurityLevel;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::str::FromStr;
use toml::{Spanned, Value};

const FORMAT: &str = "cardwright-job-1";

/// Members that have to be there, for the error about one that is not.
const NEEDED: [&str; 11] =
    ["format", "name", "issuer", "domain", "profile", "target", "delivery", "key", "kvn", "file", "state"];

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: Spanned<String>,
    name: Spanned<String>,
    issuer: Spanned<String>,
    domain: Spanned<String>,
    profile: Spanned<String>,
    aid: Option<Spanned<String>>,
    level: Option<Spanned<String>>,
    #[serde(default)]
    bare: bool,
    verify: Option<Spanned<String>>,
    readers: Option<Spanned<Vec<String>>>,
    target: WrittenTarget,
    delivery: Vec<WrittenDelivery>,
    data: Option<WrittenData>,
    finish: Option<Finish>,
    stop: Option<WrittenStop>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTarget {
    key: Spanned<String>,
    kvn: Spanned<Value>,
    #[serde(default)]
    replace: bool,
    #[serde(default)]
    retire: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDelivery {
    name: Spanned<String>,
    key: Spanned<String>,
    file: Option<Spanned<String>>,
    count: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenData {
    file: Spanned<String>,
    key: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finish {
    state: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStop {
    in_row: Option<Spanned<u32>>,
    percent: Option<Spanned<u8>>,
}

/// Reads the file, and checks every rule.
pub(super) fn read(bytes: &[u8]) -> Result<Job, JobError> {
    let text = Text(checked(bytes)?);
    let written: Written = text.toml()?;
    if written.format.get_ref() != FORMAT {
        return Err(JobError::Unfit { line: text.line(&written.format), what: "`format` is \"cardwright-job-1\"" });
    }
    let domain = text.word(&written.domain, "`domain` is \"test\" or \"live\"")?;
    let (target, target_line) = text.target(written.target)?;
    let deliveries = written.delivery.into_iter().map(|delivery| text.delivery(delivery));
    let (deliveries, places) = deliveries.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let (data, data_lines) = written.data.map(|data| text.data(data)).transpose()?.unzip();
    let job = Job {
        name: text.name(&written.name)?,
        issuer: text.name(&written.issuer)?,
        domain,
        profile: text.profile(written.profile)?,
        aid: written.aid.map(|aid| text.aid(&aid)).transpose()?.unwrap_or_default(),
        level: written.level.map(|level| text.level(&level)).transpose()?,
        form: if written.bare { BlockForm::Bare } else { BlockForm::WithLength },
        deliveries,
        target,
        data,
        finish: written.finish.map(|finish| text.finish(&finish)).transpose()?,
        verify: written.verify.map(|verify| text.verify(&verify)).transpose()?.unwrap_or_default(),
        readers: written.readers.map(|readers| text.readers(readers)).transpose()?.unwrap_or_default(),
        stop: written.stop.map(|stop| text.stop(&stop)).transpose()?.unwrap_or_default(),
    };
    rules::check(&job, &rules::Lines { target: target_line, deliveries: places, data: data_lines })?;
    Ok(job)
}

/// What is no text for a job is found before it is read as TOML.
fn checked(bytes: &[u8]) -> Result<&str, JobError> {
    if bytes.len() > MAX_LEN {
        return Err(JobError::TooLong(bytes.len()));
    }
    if bytes.starts_with("\u{FEFF}".as_bytes()) {
        return Err(JobError::Bom);
    }
    let first = |wanted| bytes.iter().position(|byte| *byte == wanted).map(|at| line_of(bytes, at));
    if let Some(line) = first(0) {
        return Err(JobError::Nul { line });
    }
    if let Some(line) = first(b'\r') {
        return Err(JobError::CarriageReturn { line });
    }
    str::from_utf8(bytes).map_err(|error| JobError::NotText { line: line_of(bytes, error.valid_up_to()) })
}

/// The line that a byte is in, from 1.
fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// The file's text: reads members, and knows their lines.
struct Text<'a>(&'a str);

impl Text<'_> {
    fn at(&self, error: &toml::de::Error) -> usize {
        line_of(self.0.as_bytes(), error.span().map_or(0, |span| span.start))
    }

    fn line<T>(&self, member: &Spanned<T>) -> usize {
        line_of(self.0.as_bytes(), member.span().start)
    }

    /// The reader's own words quote what stands in the file, and are left out.
    fn toml<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        toml::from_str(self.0).map_err(|error| {
            if let Err(syntax) = toml::from_str::<toml::Table>(self.0) {
                return JobError::Syntax { line: self.at(&syntax) };
            }
            let line = self.at(&error);
            let missing = NEEDED.into_iter().find(|member| error.message() == format!("missing field `{member}`"));
            missing.map_or(JobError::Member { line }, |member| JobError::Missing { line, member })
        })
    }

    fn unfit<T, U>(&self, member: &Spanned<T>, what: &'static str) -> Result<U, JobError> {
        Err(JobError::Unfit { line: self.line(member), what })
    }

    fn word<T: FromStr>(&self, member: &Spanned<String>, what: &'static str) -> Result<T, JobError> {
        member.get_ref().parse().or_else(|_| self.unfit(member, what))
    }

    fn name(&self, member: &Spanned<String>) -> Result<Name, JobError> {
        self.word(
            member,
            "a name is 1 to 64 of the characters A to Z, a to z, 0 to 9, `.`, `_` and `-`, the first a letter or digit",
        )
    }

    fn profile(&self, member: Spanned<String>) -> Result<String, JobError> {
        let text = member.get_ref();
        let good = !text.is_empty() && text.len() <= PROFILE_MAX && reason(text).is_ok();
        if good {
            Ok(member.into_inner())
        } else {
            self.unfit(&member, "`profile` is one line of 1 to 100 bytes, without white space at an end")
        }
    }

    fn aid(&self, member: &Spanned<String>) -> Result<Vec<u8>, JobError> {
        let bytes = hex::decode(member.get_ref()).ok().filter(|bytes| (5..=16).contains(&bytes.len()));
        bytes.map_or_else(|| self.unfit(member, "`aid` is 5 to 16 bytes in hex"), Ok)
    }

    fn level(&self, member: &Spanned<String>) -> Result<SecurityLevel, JobError> {
        let mut byte = [0];
        let level = hex::decode_to_slice(member.get_ref(), &mut byte).ok();
        let level = level.and_then(|()| SecurityLevel::new(byte[0]).ok()).filter(|level| level.c_mac());
        level.map_or_else(|| self.unfit(member, "`level` is one of \"01\", \"03\", \"11\", \"13\" and \"33\""), Ok)
    }

    fn kvn(&self, member: &Spanned<Value>) -> Result<Kvn, JobError> {
        let byte = match member.get_ref() {
            Value::String(text) => parse_byte(text),
            Value::Integer(number) => u8::try_from(*number).ok(),
            _ => None,
        };
        let kvn = byte.and_then(|byte| Kvn::target(byte).ok());
        kvn.map_or_else(|| self.unfit(member, "`kvn` is a number from 1 to 127 (0x01 to 0x7F)"), Ok)
    }

    fn key(&self, member: &Spanned<String>) -> Result<KeyRef, JobError> {
        let text = member.get_ref();
        if text.len() > PATH_MAX || !one_line(text) {
            return self.unfit(member, "a key reference is one line of at most 4096 bytes");
        }
        text.parse().map_err(|error| JobError::Key { line: self.line(member), error })
    }

    fn path(&self, member: &Spanned<String>) -> Result<PathBuf, JobError> {
        let text = member.get_ref();
        if (1..=PATH_MAX).contains(&text.len()) && one_line(text) {
            Ok(text.into())
        } else {
            self.unfit(member, "a path is one line of 1 to 4096 bytes")
        }
    }

    fn target(&self, written: WrittenTarget) -> Result<(Target, usize), JobError> {
        let WrittenTarget { key, kvn, replace, retire } = written;
        Ok((Target { key: self.key(&key)?, kvn: self.kvn(&kvn)?, replace, retire }, self.line(&key)))
    }

    fn delivery(&self, written: WrittenDelivery) -> Result<(Delivery, Place), JobError> {
        let WrittenDelivery { name, key, file, count } = written;
        let (cards, line) = match (file, count) {
            (Some(file), None) => (Cards::Listed(self.path(&file)?), self.line(&file)),
            (None, Some(count)) => (Cards::Any(*count.get_ref()), self.line(&count)),
            _ => return Err(JobError::ListOrCount { line: self.line(&name) }),
        };
        let place = Place { name: self.line(&name), key: self.line(&key), cards: line };
        Ok((Delivery { name: self.name(&name)?, key: self.key(&key)?, cards }, place))
    }

    fn data(&self, written: WrittenData) -> Result<(Data, DataLines), JobError> {
        let WrittenData { file, key } = written;
        let lines = DataLines { file: self.line(&file), key: key.as_ref().map(|key| self.line(key)) };
        Ok((Data { file: self.path(&file)?, key: key.map(|key| self.key(&key)).transpose()? }, lines))
    }

    fn finish(&self, finish: &Finish) -> Result<LifeCycle, JobError> {
        self.word(&finish.state, "`state` is \"op-ready\", \"initialized\" or \"secured\"")
    }

    fn verify(&self, member: &Spanned<String>) -> Result<Verify, JobError> {
        self.word(member, "`verify` is \"session\" or \"reset\"")
    }

    fn readers(&self, member: Spanned<Vec<String>>) -> Result<Vec<String>, JobError> {
        let all = member.get_ref();
        let reader = |text: &String| (1..=PATH_MAX).contains(&text.len()) && one_line(text);
        if (1..=READERS_MAX).contains(&all.len()) && all.iter().all(reader) {
            Ok(member.into_inner())
        } else {
            self.unfit(&member, "`readers` is a list of 1 to 64 readers, each one line of 1 to 4096 bytes")
        }
    }

    fn stop(&self, written: &WrittenStop) -> Result<Stop, JobError> {
        let mut stop = Stop::default();
        if let Some(in_row) = &written.in_row {
            stop.in_row = *in_row.get_ref();
            if stop.in_row == 0 {
                return self.unfit(in_row, "`in_row` is 1 or more");
            }
        }
        if let Some(percent) = &written.percent {
            stop.percent = *percent.get_ref();
            if !(1..=100).contains(&stop.percent) {
                return self.unfit(percent, "`percent` is 1 to 100");
            }
        }
        Ok(stop)
    }
}
