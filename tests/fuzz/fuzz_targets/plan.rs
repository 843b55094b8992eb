//! See `cardwright_fuzz::plan`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cardwright_fuzz::plan(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("This is run by `cargo fuzz`; `cargo test` replays the corpus.");
}
