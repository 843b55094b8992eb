//! A job whose master key is in a token: several readers work with it at a time. How many cards a second is printed.

use super::{job, many, put};
use cardwright_link::feeder::make_deck;
use cardwright_tests::cli::Desk;
use cardwright_tests::hsm::{Kind, Token};

#[test]
fn eight_readers_share_a_token() {
    let cards = many("TOKEN_CARDS", 40);
    for token in Kind::ALL.into_iter().filter_map(|kind| Token::new(&format!("a job with a token, {kind:?}"), kind)) {
        let desk = Desk::new().with_env(token.env());
        put(&desk, "cardwright.toml", format!("[vault.hsm]\ntype = \"pkcs11\"\nuri = \"{}\"\n", token.uri()));
        put(&desk, "job.toml", job(cards, "").replace("kdf3+file:new.hex", "kdf3+vault:hsm/kmc"));
        let run = |args: &[&str]| desk.run(&[&["--config", "cardwright.toml", "--json"], args].concat());
        run(&["key", "generate", "vault:hsm/kmc", "--purpose", "master", "--type", "aes128"]).expect(0);
        let deck = desk.path().join("deck");
        make_deck(&deck, u32::try_from(cards).expect("a number"), "", 1).expect("a deck");
        let on = format!("sim:deck={}", deck.display());
        let made = run(&["batch", "run", "job.toml", "--on", &on, "--times", "8"]).expect(0).json();
        assert_eq!((&made["made"], &made["balance"]["balances"]), (&cards.into(), &true.into()), "{made}");
        println!("{:?}: {cards} cards through 8 readers, {} cards a second", token.kind(), made["cards_a_second"]);
        run(&["registry", "check"]).expect(0);
    }
}
