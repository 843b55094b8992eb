//! What is ready is what the vault would have made, and serves once.

use super::*;
use crate::rotate::KeptKey;
use cardwright_hsm::Keyring;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_proto::gp::key::Kvn;

const KDD: [u8; 10] = [7; 10];

fn keyring() -> (Keyring, Request) {
    let mut keyring = Keyring::new();
    let current: KeyRef = "kdf3+gp-test".parse().unwrap();
    let new: KeyRef = "kdf3+file:new".parse().unwrap();
    keyring.load(&current, KeyMaterial::gp_test());
    keyring.load(&new, KeyMaterial::One(SecretKey::new(&[0x5A; 16]).unwrap()));
    let new = KeptKey::after(new, |_| Ok::<_, ()>(())).unwrap();
    let (target, form) = (Kvn::target(0x30).unwrap(), BlockForm::WithLength);
    (keyring, Request { current, new, target, replace: false, abandon_pending: false, form })
}

/// Keys and blocks ready for so many cards.
fn ready(ahead: &Ahead<'_, Keyring>) -> Vec<(usize, bool)> {
    ahead.ready().iter().map(|ready| (ready.keys.len(), ready.blocks.is_some())).collect()
}

fn blocks(vault: &impl Vault, request: &Request, kdd: &[u8; 10]) -> String {
    let current = vault.card_keys(&request.current, kdd).unwrap();
    let new = vault.card_keys(request.new.key(), kdd).unwrap();
    format!("{:?} {:?}", vault.kcvs(&new).unwrap(), vault.put_key_blocks(&current, &new, request.form).unwrap())
}

#[test]
fn what_is_ready_is_taken_and_is_the_same() {
    let (keyring, request) = keyring();
    let ahead = Ahead::new(&keyring, 4);
    ahead.prepare(&request, &KDD).unwrap();
    assert_eq!(ready(&ahead), [(2, true)]);
    drop(ahead.card_keys(&request.current, &KDD).unwrap());
    assert_eq!(ready(&ahead), [(1, true)], "the keys that were asked for are those that were ready");
    let made = blocks(&ahead, &request, &KDD);
    assert_eq!(ready(&ahead), [], "they serve once");
    assert_eq!(made, blocks(&keyring, &request, &KDD));
    assert_eq!(made, blocks(&ahead, &request, &KDD), "and are made anew then");
}

#[test]
fn one_card_never_gets_anothers() {
    let (keyring, request) = keyring();
    let ahead = Ahead::new(&keyring, 4);
    ahead.prepare(&request, &KDD).unwrap();
    let other = [8; 10];
    assert_eq!(blocks(&ahead, &request, &other), blocks(&keyring, &request, &other));
    assert_eq!(ready(&ahead), [(2, true)]);
    let bare = Request { form: BlockForm::Bare, ..request.clone() };
    assert_eq!(blocks(&ahead, &bare, &KDD), blocks(&keyring, &bare, &KDD), "nor blocks of another form");
}

#[test]
fn cards_that_do_not_come_make_room() {
    let (keyring, request) = keyring();
    let ahead = Ahead::new(&keyring, 2);
    for card in 0..20 {
        ahead.prepare(&request, &[card; 10]).unwrap();
    }
    assert_eq!(ahead.ready().iter().map(|ready| ready.kdd[0]).collect::<Vec<_>>(), [16, 17, 18, 19]);
}
