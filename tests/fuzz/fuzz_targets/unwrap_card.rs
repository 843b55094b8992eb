//! See `cardwright_fuzz::unwrap_card`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cardwright_fuzz::unwrap_card(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("This is run by `cargo fuzz`; `cargo test` replays the corpus.");
}
