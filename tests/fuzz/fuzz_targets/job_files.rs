//! See `cardwright_fuzz::job_files`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cardwright_fuzz::job_files(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("This is run by `cargo fuzz`; `cargo test` replays the corpus.");
}
