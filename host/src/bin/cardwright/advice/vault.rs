//! What goes wrong in a vault, for the shell and for a person.

use super::SAME_SIZE;
use cardwright_hsm::KeyLoadError;
use cardwright_hsm::VaultFileError;
use cardwright_hsm::pkcs11::TokenError;
use cardwright_hsm::vault_file::{ContentError, KdfError};
use cardwright_keys::vault::VaultError;

pub(super) const NO_VAULT: &str = "write `[vault.NAME]` with `type = \"soft\"` and `file`, or `type = \"pkcs11\"` and `uri`, \
    into the configuration file";

pub(super) fn exit_code(error: &VaultError) -> u8 {
    match error {
        VaultError::WeakerWrap { .. } | VaultError::Exists(_) | VaultError::Unfit(_) => 2,
        VaultError::Purpose { .. } | VaultError::Diversification { .. } => 2,
        VaultError::Life(error) => super::life::exit_code_of_warden(error),
        VaultError::Failed(cause) => cause.downcast_ref().map_or(8, exit_code_of_file),
        _ => 8,
    }
}

pub(super) fn advice(error: &VaultError) -> Option<&'static str> {
    Some(match error {
        VaultError::WeakerWrap { .. } => SAME_SIZE,
        VaultError::UnknownKey(_) => "`cardwright key list` lists the keys of the vaults",
        VaultError::Unfit(_) => "choose the --type and --purpose that the key has",
        VaultError::Exists(_) => "choose another name, or destroy that key first if nothing needs it any more",
        VaultError::Purpose { .. } => "use a key that was made for it: `cardwright key generate --purpose`",
        VaultError::Unable { .. } => "`cardwright vault check NAME` shows what a token was seen to do",
        VaultError::Life(error) => return super::life::advice_on_warden(error),
        VaultError::Failed(cause) => {
            return match (cause.downcast_ref(), cause.downcast_ref()) {
                (Some(error), _) => advice_on_file(error),
                (_, Some(error)) => advice_on_token(error),
                _ => None,
            };
        }
        _ => return None,
    })
}

pub(super) const fn exit_code_of_file(error: &VaultFileError) -> u8 {
    match error {
        VaultFileError::File(KeyLoadError::Exists(_)) | VaultFileError::TooShort(_) => 2,
        VaultFileError::Kdf(KdfError::Memory { .. }) => 8,
        VaultFileError::Kdf(_) => 2,
        VaultFileError::Content {
            error: ContentError::Version(_) | ContentError::Empty | ContentError::TooLong(_),
            ..
        } => 8,
        VaultFileError::Content { .. } | VaultFileError::RolledBack { .. } => 7,
        _ => 8,
    }
}

pub(super) fn advice_on_file(error: &VaultFileError) -> Option<&'static str> {
    Some(match error {
        VaultFileError::WrongPassphrase(_) => "type it again; nothing counts wrong ones",
        VaultFileError::WrongFileKey(_) => "run `cardwright vault unlock` again",
        VaultFileError::Content { error, .. } => match error {
            ContentError::Version(_) => "use the newer cardwright that wrote it; put nothing in its place",
            ContentError::Empty => "its making was interrupted: remove it, and run `cardwright vault create` again",
            ContentError::TooLong(_) => "the vault is good, and full: make a second one",
            _ => "keep it for whoever finds out what happened, and put the last good copy in its place",
        },
        VaultFileError::RolledBack { .. } => "find out who put it there before anything is written to it",
        _ => return None,
    })
}

pub(super) fn advice_on_token(error: &TokenError) -> Option<&'static str> {
    Some(match error {
        TokenError::NoModule(_) => "the vendor's documentation names the module's file",
        TokenError::NoToken { .. } => "`cardwright hsm list --module PATH` lists the tokens with their URIs",
        TokenError::ManyTokens { .. } => "add serial= to the URI; `cardwright hsm list --module PATH` prints it",
        TokenError::PinSource => "write pin-source=file:PATH or pin-source=fd:N, or leave it out to be asked",
        TokenError::PinWrong(_) | TokenError::PinSpent(_) => {
            "find out the right PIN before the next try: few wrong ones in a row lock the token"
        }
        TokenError::PinLastTry(_) => {
            "log in once with the vendor's own tool; or, with a PIN that is right beyond doubt, put last-try = true into the vault's section"
        }
        TokenError::Ambiguous { .. } => "name the one that is meant by its CKA_ID: add id= to the vault's URI",
        error if error.is_lost() => "check the token and its connection, then run the same command again",
        _ => return None,
    })
}
