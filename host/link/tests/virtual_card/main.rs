//! The simulated card, seen through APDUs: the protocol crate's host side against it.

#[cfg(test)]
mod custodian;
#[cfg(test)]
mod host;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod personal;
#[cfg(test)]
mod random;
#[cfg(test)]
mod runtime;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod state;
#[cfg(test)]
mod tears;
