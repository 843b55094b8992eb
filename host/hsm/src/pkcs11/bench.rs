//! One session at work, and what was made in it: whatever happens, nothing is left behind.

use super::connection::Connection;
use super::error::TokenError;
use super::template;
use cardwright_proto::block::Block;
use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};
use cryptoki::session::Session;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A session for one user at a time, who may leave objects in it. When it is dropped they are destroyed, and the
/// session goes back to the others. One in which a call failed is closed instead: an operation may be under way, and
/// SoftHSM leaves half-made objects.
pub(super) struct Bench {
    pub(super) connection: Arc<Connection>,
    session: Option<Session>,
    generation: u64,
    made: RefCell<Vec<ObjectHandle>>,
    /// What zeros encrypt to, by key: CMAC subkeys are made of it.
    zeros: RefCell<Vec<(ObjectHandle, Box<Zeroizing<Block>>)>>,
    failed: Cell<bool>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("token", &self.connection.name).finish_non_exhaustive()
    }
}

impl Bench {
    pub(super) fn new(connection: &Arc<Connection>) -> Result<Self, TokenError> {
        let (session, generation) = connection.take()?;
        Ok(Self {
            session: Some(session),
            generation,
            connection: Arc::clone(connection),
            made: RefCell::default(),
            zeros: RefCell::default(),
            failed: Cell::default(),
        })
    }

    /// Every call into the module goes through here.
    pub(super) fn call<T>(&self, call: impl FnOnce(&Session) -> Result<T, Error>) -> Result<T, TokenError> {
        let Some(session) = &self.session else {
            unreachable!("the session is there until the drop");
        };
        let _turn = self.connection.turn();
        // The binding makes room for as many bytes as the module says it has, and panics where nobody has that many.
        let answer = catch_unwind(AssertUnwindSafe(|| call(session)));
        answer.map_err(|_| self.nonsense("a length that no memory holds")).and_then(|answer| {
            answer.map_err(|error| {
                self.failed.set(true);
                self.connection.failed_on(session, error)
            })
        })
    }

    /// To one who was logged out a token shows no private objects, and no error either (SoftHSM).
    pub(super) fn still_logged_in(&self) -> Result<(), TokenError> {
        self.call(|session| {
            if self.connection.is_logged_in(session) {
                return Ok(());
            }
            Err(Error::Pkcs11(RvError::UserNotLoggedIn, Function::GetSessionInfo))
        })
    }

    pub(super) fn nonsense(&self, what: impl Into<String>) -> TokenError {
        self.failed.set(true);
        TokenError::Nonsense { token: Arc::clone(&self.connection.name), what: what.into() }
    }

    pub(super) fn made(&self, object: ObjectHandle) -> ObjectHandle {
        self.made.borrow_mut().push(object);
        object
    }

    /// Derives a key that lives until it is discarded, at the longest as long as this.
    pub(super) fn derive(
        &self,
        mechanism: &Mechanism<'_>,
        base: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle, TokenError> {
        self.call(|session| session.derive_key(mechanism, base, template)).map(|object| self.made(object))
    }

    /// Makes a key of known bytes, for as long as [`Self::derive`] does.
    pub(super) fn create(&self, template: &[Attribute]) -> Result<ObjectHandle, TokenError> {
        self.call(|session| session.create_object(template)).map(|object| self.made(object))
    }

    /// Destroys what was made here, before the end.
    pub(super) fn discard(&self, object: ObjectHandle) -> Result<(), TokenError> {
        self.call(|session| session.destroy_object(object))?;
        self.made.borrow_mut().retain(|made| *made != object);
        self.zeros.borrow_mut().retain(|(key, _)| *key != object);
        Ok(())
    }

    /// What a block of zeros encrypts to under a key that can derive; found out once.
    pub(super) fn zeros(&self, base: ObjectHandle) -> Result<Box<Zeroizing<Block>>, TokenError> {
        if let Some((_, known)) = self.zeros.borrow().iter().find(|(key, _)| *key == base) {
            return Ok(known.clone());
        }
        let mut block = Box::new(Zeroizing::new([0; 16]));
        self.cbc(base, [0; 16], block.as_mut_slice())?;
        self.zeros.borrow_mut().push((base, block.clone()));
        Ok(block)
    }

    /// The bytes of a readable key, which have to be as many as `out` has.
    pub(super) fn read(&self, object: ObjectHandle, out: &mut [u8]) -> Result<(), TokenError> {
        let attributes = self.call(|session| session.get_attributes(object, &[AttributeType::Value]))?;
        let Some(Attribute::Value(value)) = attributes.into_iter().next() else {
            return Err(self.nonsense("a readable key without a value"));
        };
        let value = Zeroizing::new(value);
        if value.len() != out.len() {
            let what = format!("a key of {} bytes in place of {}", value.len(), out.len());
            return Err(self.nonsense(what));
        }
        out.copy_from_slice(&value);
        Ok(())
    }

    /// Derives bytes, reads them, destroys what was derived.
    pub(super) fn derive_bytes(
        &self,
        mechanism: &Mechanism<'_>,
        base: ObjectHandle,
        out: &mut [u8],
    ) -> Result<(), TokenError> {
        let object = self.derive(mechanism, base, &template::readable(KeyType::GENERIC_SECRET, out.len()))?;
        self.read(object, out)?;
        self.discard(object)
    }

    /// AES-CBC under a key that can derive: `data`, whole blocks, becomes what it encrypts to.
    pub(super) fn cbc(&self, base: ObjectHandle, iv: Block, data: &mut [u8]) -> Result<(), TokenError> {
        let clear = Zeroizing::new(data.to_vec());
        let mechanism = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new(iv, &clear));
        self.derive_bytes(&mechanism, base, data)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        if self.failed.get() {
            // Its objects go with it.
            return self.connection.close(session);
        }
        let mut whole = true;
        for object in self.made.take() {
            let _turn = self.connection.turn();
            whole &= session.destroy_object(object).is_ok();
        }
        if whole {
            self.connection.give_back(session, self.generation);
        } else {
            self.connection.close(session);
        }
    }
}
