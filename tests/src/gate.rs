//! A card that counts the commands that reach it, and kills the program or loses the answer at a chosen one.

use cardwright_link::{SmartCard, Torn};
use rustix::process::{Pid, Signal, kill_process};

/// When the program is killed, relative to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The command has arrived, the card has not seen it.
    Before,
    /// The card has carried it out, the answer is not sent.
    During,
    /// The answer is on its way.
    After,
}

/// All of them.
pub const MOMENTS: [Moment; 3] = [Moment::Before, Moment::During, Moment::After];

/// A card behind a gate.
#[derive(Debug)]
pub struct Gate<C> {
    /// The card.
    pub card: C,
    /// What has reached it since [`Gate::forget`]: the commands as sent.
    pub seen: Vec<Vec<u8>>,
    kill: Option<(usize, Moment, Pid)>,
    lose: Option<usize>,
}

impl<C> Gate<C> {
    /// An open gate.
    pub const fn new(card: C) -> Self {
        Self { card, seen: Vec::new(), kill: None, lose: None }
    }

    /// Kills `program` (SIGKILL) at the `n`-th command from now, 0 being the next.
    pub fn kill_at(&mut self, n: usize, moment: Moment, program: Pid) {
        self.kill = Some((self.seen.len() + n, moment, program));
    }

    /// The card carries out the `n`-th command from now, and its answer never arrives: the line is down behind it.
    pub fn lose_at(&mut self, n: usize) {
        self.lose = Some(self.seen.len() + n);
    }

    /// Forgets what it saw, whom to kill and what to lose.
    pub fn forget(&mut self) {
        self.seen.clear();
        self.kill = None;
        self.lose = None;
    }

    /// How many commands with this INS have reached the card.
    #[must_use]
    pub fn count(&self, ins: u8) -> usize {
        self.seen.iter().filter(|command| command.get(1) == Some(&ins)).count()
    }
}

fn kill(program: Pid) {
    // The program may have ended by itself: then there is nobody to kill.
    let _ = kill_process(program, Signal::KILL);
}

impl<C: SmartCard> SmartCard for Gate<C> {
    crate::powered_as!(card);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        let now = self.kill.take_if(|(n, ..)| *n == self.seen.len());
        let lost = self.lose.take_if(|n| *n == self.seen.len());
        self.seen.push(command.to_vec());
        if lost.is_some() {
            return self.card.process(command, response).and(Err(Torn));
        }
        match now {
            Some((_, Moment::Before, program)) => {
                kill(program);
                Err(Torn)
            }
            Some((_, Moment::During, program)) => {
                let done = self.card.process(command, response);
                kill(program);
                done.and(Err(Torn))
            }
            Some((_, Moment::After, program)) => {
                let done = self.card.process(command, response);
                // The answer leaves when this returns; the signal arrives around that time, a little sooner or later.
                std::thread::spawn(move || kill(program));
                done
            }
            None => self.card.process(command, response),
        }
    }
}
