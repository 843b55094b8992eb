//! A PKCS#11 module that stands in front of a real one. The environment says what it does:
//!
//! - `TAP_MODULE`: the path of the real module. Every call goes there.
//! - `TAP_LOG`: a file that gets a line for every call, with all bytes that go in and come out ([`log`]).
//! - `TAP_COUNT`: a file that holds the number of calls after `C_Initialize`, at every moment.
//! - `TAP_TIME`: a file that gets, at every `C_GetInfo`, the number of calls so far and the nanoseconds that the real
//!   module took for them: `calls nanoseconds` ([`time`]).
//! - `TAP_FAIL`: `N:KIND`, what goes wrong at the N-th call ([`fault`]). `C_Initialize` is call 0.
//!
//! It has the functions of PKCS#11 2.40 only, which is what a program falls back to.

mod call;
mod fault;
mod item;
mod log;
mod time;

use call::{run, setup};
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_FUNCTION_LIST, CK_INFO, CK_MECHANISM, CK_MECHANISM_INFO, CK_NOTIFY, CK_RV, CK_SESSION_HANDLE,
    CK_SESSION_INFO, CK_SLOT_INFO, CK_TOKEN_INFO, CK_ULONG, CK_VERSION, CKR_FUNCTION_NOT_SUPPORTED, CKR_GENERAL_ERROR,
    CKR_OK,
};
use item::Item::{Buffer, Bytes, List, Mechanism, Number, Out, Struct, Template, Values};
use std::ffi::c_void;

/// A byte string that goes in, or room for one that comes out.
type Octets = *mut u8;
/// A length, a handle, flags.
type Num = CK_ULONG;
/// A number that comes out, or a list of them.
type Nums = *mut CK_ULONG;
type Attributes = *mut CK_ATTRIBUTE;
type Mech = *mut CK_MECHANISM;
type Any = *mut c_void;

/// Makes a function of the module of each line: its arguments after the session (`@`), what goes in, what comes out.
macro_rules! functions {
    ($($name:ident($(@$session:ident;)? $($arg:ident: $type:ty),*) [$($given:expr),*] [$($got:expr),*])*) => {
        $(
            #[allow(non_snake_case, clippy::too_many_arguments)]
            unsafe extern "C" fn $name($($session: CK_SESSION_HANDLE,)? $($arg: $type),*) -> CK_RV {
                let session: Option<CK_SESSION_HANDLE> = [$($session)?].first().copied();
                run(stringify!($name), session, &[$($given),*], &[$($got),*], |module| match module.$name {
                    // SAFETY: the arguments are the caller's, who answers for them.
                    Some(function) => unsafe { function($($session,)? $($arg),*) },
                    None => CKR_FUNCTION_NOT_SUPPORTED,
                })
            }
        )*

        static FUNCTIONS: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            C_GetFunctionList: Some(C_GetFunctionList),
            $($name: Some($name),)*
        };
    };
}

/// The functions of this module (PKCS#11 2.40, 5.4).
///
/// # Safety
///
/// `list` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    if let Err(why) = setup() {
        eprintln!("pkcs11-tap: {why}");
        return CKR_GENERAL_ERROR;
    }
    if list.is_null() {
        return cryptoki_sys::CKR_ARGUMENTS_BAD;
    }
    // SAFETY: it is not null, and the caller answers for the rest.
    unsafe { *list = (&raw const FUNCTIONS).cast_mut() };
    CKR_OK
}

functions! {
    C_Initialize(settings: Any) [] []
    C_Finalize(reserved: Any) [] []
    C_GetInfo(info: *mut CK_INFO) [] [Struct(info.cast(), size_of::<CK_INFO>())]
    C_GetSlotList(present: u8, slots: Nums, count: Nums) [Number(present.into())] [List(slots, count)]
    C_GetSlotInfo(slot: Num, info: *mut CK_SLOT_INFO) [Number(slot)] [Struct(info.cast(), size_of::<CK_SLOT_INFO>())]
    C_GetTokenInfo(slot: Num, info: *mut CK_TOKEN_INFO) [Number(slot)] [Struct(info.cast(), size_of::<CK_TOKEN_INFO>())]
    C_GetMechanismList(slot: Num, mechanisms: Nums, count: Nums) [Number(slot)] [List(mechanisms, count)]
    C_GetMechanismInfo(slot: Num, mechanism: Num, info: *mut CK_MECHANISM_INFO)
        [Number(slot), Number(mechanism)] [Struct(info.cast(), size_of::<CK_MECHANISM_INFO>())]
    C_InitToken(slot: Num, pin: Octets, len: Num, label: Octets) [Number(slot), Bytes(pin, len), Bytes(label, 32)] []
    C_InitPIN(@session; pin: Octets, len: Num) [Bytes(pin, len)] []
    C_SetPIN(@session; old: Octets, old_len: Num, new: Octets, new_len: Num)
        [Bytes(old, old_len), Bytes(new, new_len)] []
    C_OpenSession(slot: Num, flags: Num, application: Any, notify: CK_NOTIFY, session: Nums)
        [Number(slot), Number(flags)] [Out(session)]
    C_CloseSession(@session;) [] []
    C_CloseAllSessions(slot: Num) [Number(slot)] []
    C_GetSessionInfo(@session; info: *mut CK_SESSION_INFO) [] [Struct(info.cast(), size_of::<CK_SESSION_INFO>())]
    C_GetOperationState(@session; state: Octets, len: Nums) [] [Buffer(state, len)]
    C_SetOperationState(@session; state: Octets, len: Num, encryption: Num, authentication: Num)
        [Bytes(state, len), Number(encryption), Number(authentication)] []
    C_Login(@session; user: Num, pin: Octets, len: Num) [Number(user), Bytes(pin, len)] []
    C_Logout(@session;) [] []

    C_CreateObject(@session; template: Attributes, count: Num, object: Nums) [Template(template, count)] [Out(object)]
    C_CopyObject(@session; object: Num, template: Attributes, count: Num, copy: Nums)
        [Number(object), Template(template, count)] [Out(copy)]
    C_DestroyObject(@session; object: Num) [Number(object)] []
    C_GetObjectSize(@session; object: Num, size: Nums) [Number(object)] [Out(size)]
    C_GetAttributeValue(@session; object: Num, template: Attributes, count: Num)
        [Number(object)] [Values(template, count)]
    C_SetAttributeValue(@session; object: Num, template: Attributes, count: Num)
        [Number(object), Template(template, count)] []
    C_FindObjectsInit(@session; template: Attributes, count: Num) [Template(template, count)] []
    C_FindObjects(@session; objects: Nums, room: Num, count: Nums) [Number(room)] [List(objects, count)]
    C_FindObjectsFinal(@session;) [] []

    C_EncryptInit(@session; mechanism: Mech, key: Num) [Mechanism(mechanism), Number(key)] []
    C_Encrypt(@session; data: Octets, len: Num, out: Octets, out_len: Nums) [Bytes(data, len)] [Buffer(out, out_len)]
    C_EncryptUpdate(@session; data: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(data, len)] [Buffer(out, out_len)]
    C_EncryptFinal(@session; out: Octets, out_len: Nums) [] [Buffer(out, out_len)]
    C_DecryptInit(@session; mechanism: Mech, key: Num) [Mechanism(mechanism), Number(key)] []
    C_Decrypt(@session; data: Octets, len: Num, out: Octets, out_len: Nums) [Bytes(data, len)] [Buffer(out, out_len)]
    C_DecryptUpdate(@session; data: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(data, len)] [Buffer(out, out_len)]
    C_DecryptFinal(@session; out: Octets, out_len: Nums) [] [Buffer(out, out_len)]
    C_DigestInit(@session; mechanism: Mech) [Mechanism(mechanism)] []
    C_Digest(@session; data: Octets, len: Num, out: Octets, out_len: Nums) [Bytes(data, len)] [Buffer(out, out_len)]
    C_DigestUpdate(@session; data: Octets, len: Num) [Bytes(data, len)] []
    C_DigestKey(@session; key: Num) [Number(key)] []
    C_DigestFinal(@session; out: Octets, out_len: Nums) [] [Buffer(out, out_len)]
    C_SignInit(@session; mechanism: Mech, key: Num) [Mechanism(mechanism), Number(key)] []
    C_Sign(@session; data: Octets, len: Num, out: Octets, out_len: Nums) [Bytes(data, len)] [Buffer(out, out_len)]
    C_SignUpdate(@session; data: Octets, len: Num) [Bytes(data, len)] []
    C_SignFinal(@session; out: Octets, out_len: Nums) [] [Buffer(out, out_len)]
    C_SignRecoverInit(@session; mechanism: Mech, key: Num) [Mechanism(mechanism), Number(key)] []
    C_SignRecover(@session; data: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(data, len)] [Buffer(out, out_len)]
    C_VerifyInit(@session; mechanism: Mech, key: Num) [Mechanism(mechanism), Number(key)] []
    C_Verify(@session; data: Octets, len: Num, signature: Octets, signature_len: Num)
        [Bytes(data, len), Bytes(signature, signature_len)] []
    C_VerifyUpdate(@session; data: Octets, len: Num) [Bytes(data, len)] []
    C_VerifyFinal(@session; signature: Octets, len: Num) [Bytes(signature, len)] []
    C_VerifyRecoverInit(@session; mechanism: Mech, key: Num) [Mechanism(mechanism), Number(key)] []
    C_VerifyRecover(@session; signature: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(signature, len)] [Buffer(out, out_len)]
    C_DigestEncryptUpdate(@session; data: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(data, len)] [Buffer(out, out_len)]
    C_DecryptDigestUpdate(@session; data: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(data, len)] [Buffer(out, out_len)]
    C_SignEncryptUpdate(@session; data: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(data, len)] [Buffer(out, out_len)]
    C_DecryptVerifyUpdate(@session; data: Octets, len: Num, out: Octets, out_len: Nums)
        [Bytes(data, len)] [Buffer(out, out_len)]

    C_GenerateKey(@session; mechanism: Mech, template: Attributes, count: Num, key: Nums)
        [Mechanism(mechanism), Template(template, count)] [Out(key)]
    C_GenerateKeyPair(@session; mechanism: Mech, public: Attributes, public_count: Num, private: Attributes,
        private_count: Num, public_key: Nums, private_key: Nums)
        [Mechanism(mechanism), Template(public, public_count), Template(private, private_count)]
        [Out(public_key), Out(private_key)]
    C_WrapKey(@session; mechanism: Mech, wrapping: Num, key: Num, out: Octets, out_len: Nums)
        [Mechanism(mechanism), Number(wrapping), Number(key)] [Buffer(out, out_len)]
    C_UnwrapKey(@session; mechanism: Mech, unwrapping: Num, wrapped: Octets, len: Num, template: Attributes,
        count: Num, key: Nums)
        [Mechanism(mechanism), Number(unwrapping), Bytes(wrapped, len), Template(template, count)] [Out(key)]
    C_DeriveKey(@session; mechanism: Mech, base: Num, template: Attributes, count: Num, key: Nums)
        [Mechanism(mechanism), Number(base), Template(template, count)] [Out(key)]
    C_SeedRandom(@session; seed: Octets, len: Num) [Bytes(seed, len)] []
    C_GenerateRandom(@session; random: Octets, len: Num) [] [Bytes(random, len)]
    C_GetFunctionStatus(@session;) [] []
    C_CancelFunction(@session;) [] []
    C_WaitForSlotEvent(flags: Num, slot: Nums, reserved: Any) [Number(flags)] [Out(slot)]
}
