//! See `cardwright_fuzz::transcript`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cardwright_fuzz::transcript(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("This is run by `cargo fuzz`; `cargo test` replays the corpus.");
}
