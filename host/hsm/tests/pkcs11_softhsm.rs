//! The vault on SoftHsm, the real module: see `pkcs11/mod.rs` for how.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod pkcs11;

macro_rules! tests {
    ($($module:ident::$name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                pkcs11::run(pkcs11::Kind::SoftHsm, concat!("with_a_token::", stringify!($name)));
            }
        )*

        mod with_a_token {
            $(
                #[test]
                #[ignore = "run by the test of the same name, in a process of its own"]
                fn $name() {
                    crate::pkcs11::$module::$name(crate::pkcs11::Kind::SoftHsm);
                }
            )*
        }
    };
}

tests! {
    chain::kdf3,
    chain::card_sets,
    chain::put_key,
    chain::put_key_of_a_generated_set,
    chain::threads,
    keys::life,
    keys::check_values,
    keys::purposes,
    keys::masters,
    keys::copies,
    keys::attacks,
    keys::portable,
    keys::foreign_keys,
    keys::stale_handles,
    login::a_wrong_pin_is_tried_once,
    login::where_the_pin_comes_from,
    login::the_token_is_the_one_that_was_named,
    login::two_tokens_are_told_apart,
    login::a_lost_login_is_made_again,
    login::an_untested_pin_is_never_used,
}
