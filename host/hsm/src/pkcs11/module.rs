//! PKCS #11 modules, each loaded once in a process, and the tokens that they show.

use super::connection::Connection;
use super::error::TokenError;
use super::uri::Uri;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Info, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, SlotInfo, TokenInfo};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A library that was loaded and initialised. It stays so until the process ends: others may be using it.
#[derive(Debug)]
pub struct Module {
    path: PathBuf,
    pkcs11: Pkcs11,
    /// Held around each call by those who use a token that cannot stand two at once.
    turn: Mutex<()>,
    /// Open connections, so that two vaults on one token share a login.
    pub(super) connections: Mutex<Vec<Weak<Connection>>>,
    /// Serial numbers of tokens that refused a PIN.
    refused: Mutex<Vec<String>>,
}

/// What a token says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName {
    /// CKA_LABEL of the token.
    pub label: String,
    /// Serial number.
    pub serial: String,
    /// Model.
    pub model: String,
    /// Manufacturer.
    pub manufacturer: String,
}

/// A token in its slot.
#[derive(Debug)]
pub struct Present {
    /// The slot.
    pub slot: Slot,
    /// The token in it.
    pub name: Arc<TokenName>,
    /// What the module says of the token.
    pub token: TokenInfo,
    /// What it says of the slot.
    pub reader: SlotInfo,
}

static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// What a thread left that panicked is whole: no state here spans two statements.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Module {
    /// The module that the URI names; loaded where it was not yet.
    ///
    /// # Errors
    /// [`TokenError::NoModule`], [`TokenError::Load`].
    pub fn load(uri: &Uri) -> Result<Arc<Self>, TokenError> {
        let named = uri.module().ok_or_else(|| TokenError::NoModule(Box::new(uri.clone())))?;
        // One library by two paths is initialised once all the same. A name is for the system's loader: what lies under
        // it in the current directory is not meant.
        let path = match &uri.module_path {
            Some(path) => path.canonicalize().unwrap_or_else(|_| path.clone()),
            None => named.clone(),
        };
        let mut modules = locked(&MODULES);
        if let Some(module) = modules.get(&path) {
            return Ok(Arc::clone(module));
        }
        let pkcs11 = initialised(&path).map_err(|error| TokenError::Load { module: named, reason: reason(error) })?;
        let module = Arc::new(Self {
            path: path.clone(),
            pkcs11,
            turn: Mutex::default(),
            connections: Mutex::default(),
            refused: Mutex::default(),
        });
        modules.insert(path, Arc::clone(&module));
        Ok(module)
    }

    /// The binding.
    #[must_use]
    pub fn pkcs11(&self) -> &Pkcs11 {
        &self.pkcs11
    }

    /// Waits until nobody else is in the module who keeps to turns.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        locked(&self.turn)
    }

    /// Initialised tokens, in the order of their slots.
    ///
    /// # Errors
    /// [`TokenError::Load`], for it is the module that fails.
    pub fn tokens(&self) -> Result<Vec<Present>, TokenError> {
        let _turn = self.turn();
        let failed = |error| self.failed(error);
        let mut present = Vec::new();
        for slot in self.pkcs11.get_slots_with_token().map_err(failed)? {
            let token = match self.pkcs11.get_token_info(slot) {
                // Gone since the slots were listed, or nothing that this module reads.
                Err(Error::Pkcs11(code, _)) if is_absent(code) => continue,
                token => token.map_err(failed)?,
            };
            let reader = self.pkcs11.get_slot_info(slot).map_err(failed)?;
            if token.token_initialized() {
                present.push(Present { slot, name: Arc::new(TokenName::new(&token)), token, reader });
            }
        }
        Ok(present)
    }

    /// The one token that fits.
    ///
    /// # Errors
    /// [`TokenError::NoToken`], [`TokenError::ManyTokens`], [`TokenError::Load`].
    pub fn find(&self, uri: &Uri) -> Result<Present, TokenError> {
        let library = {
            let _turn = self.turn();
            self.pkcs11.get_library_info().map_err(|error| self.failed(error))?
        };
        let (mut matching, others): (Vec<_>, Vec<_>) =
            self.tokens()?.into_iter().partition(|present| fits(uri, &library, present));
        let uri = || Box::new(uri.clone());
        let names = |tokens: &[Present]| tokens.iter().map(|present| Arc::clone(&present.name)).collect();
        match matching.len() {
            0 => Err(TokenError::NoToken { uri: uri(), present: names(&others) }),
            1 => Ok(matching.remove(0)),
            _ => Err(TokenError::ManyTokens { uri: uri(), matching: names(&matching) }),
        }
    }

    /// Whether this token refused a PIN in this process.
    pub(super) fn has_refused(&self, token: &TokenName) -> bool {
        locked(&self.refused).contains(&token.serial)
    }

    pub(super) fn refuse(&self, token: &TokenName) {
        locked(&self.refused).push(token.serial.clone());
    }

    fn failed(&self, error: Error) -> TokenError {
        TokenError::Load { module: self.path.clone(), reason: reason(error) }
    }
}

impl TokenName {
    pub(super) fn new(token: &TokenInfo) -> Self {
        Self {
            label: token.label().to_owned(),
            serial: token.serial_number().to_owned(),
            model: token.model().to_owned(),
            manufacturer: token.manufacturer_id().to_owned(),
        }
    }
}

fn initialised(path: &Path) -> Result<Pkcs11, Error> {
    let pkcs11 = Pkcs11::new(path)?;
    match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another part of the process did it.
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => Ok(pkcs11),
        other => other.map(|()| pkcs11),
    }
}

fn reason(error: Error) -> String {
    match error {
        Error::Pkcs11(code, function) => super::error::failed_call(function, code),
        other => other.to_string(),
    }
}

const fn is_absent(code: RvError) -> bool {
    matches!(code, RvError::TokenNotPresent | RvError::TokenNotRecognized | RvError::DeviceRemoved)
}

/// RFC 7512, 2.4: what the URI does not say matches everything.
fn fits(uri: &Uri, library: &Info, present: &Present) -> bool {
    let Present { slot, token, reader, .. } = present;
    let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let version = library.library_version();
    same(&uri.token, token.label())
        && same(&uri.serial, token.serial_number())
        && same(&uri.model, token.model())
        && same(&uri.manufacturer, token.manufacturer_id())
        && same(&uri.slot_manufacturer, reader.manufacturer_id())
        && same(&uri.slot_description, reader.slot_description())
        && same(&uri.library_manufacturer, library.manufacturer_id())
        && same(&uri.library_description, library.library_description())
        && uri.library_version.is_none_or(|wanted| wanted == (version.major(), version.minor()))
        && uri.slot_id.is_none_or(|wanted| wanted == slot.id())
}
