//! `cardwright-token`: does an [`Order`] of a test on a token, in a process of its own.

use cardwright_tests::hsm::order::{Flag, KeyKind, NewKey, Object, Order, User, Work};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error as Pkcs11Error;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::mechanism::kbkdf::{
    DerivedKey, Endianness, KbkdfCounterFormat, KbkdfParams, PrfDataParam, PrfDataParamType,
};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroUsize;

fn main() -> Result<(), Box<dyn Error>> {
    let order: Order = serde_json::from_reader(std::io::stdin())?;
    let module = Pkcs11::new(&order.module)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let answer = done(&module, &order)?;
    module.finalize()?;
    println!("{answer}");
    Ok(())
}

fn done(module: &Pkcs11, order: &Order) -> Result<Value, Box<dyn Error>> {
    let slot = slot(module, &order.serial)?;
    let pin = AuthPin::from(order.pin.as_str());
    if let Work::Init { label, .. } = &order.work {
        module.init_token(slot, &pin, label)?;
    }
    let session = module.open_rw_session(slot)?;
    session.login(if order.user == User::Officer { UserType::So } else { UserType::User }, Some(&pin))?;
    Ok(match &order.work {
        Work::Init { user_pin, .. } => {
            session.init_pin(&AuthPin::from(user_pin.as_str()))?;
            json!(module.get_token_info(slot)?.serial_number())
        }
        Work::Make(key) => {
            make(&session, key)?;
            Value::Null
        }
        Work::Objects => {
            let objects = session.find_objects(&[])?;
            let read = objects.into_iter().filter_map(|object| read(&session, object).transpose());
            serde_json::to_value(read.collect::<Result<Vec<_>, _>>()?)?
        }
        Work::Exercise => {
            let sp800_108 = module.get_mechanism_list(slot)?.contains(&MechanismType::SP800_108_COUNTER_KDF);
            serde_json::to_value(exercise(&session, sp800_108)?)?
        }
    })
}

/// The token with this serial number; for the empty one, the first that is not initialised.
fn slot(module: &Pkcs11, serial: &str) -> Result<Slot, Box<dyn Error>> {
    for slot in module.get_slots_with_token()? {
        let info = module.get_token_info(slot)?;
        if info.serial_number() == serial && info.token_initialized() != serial.is_empty() {
            return Ok(slot);
        }
    }
    Err(format!("there is no token with serial number {serial:?}").into())
}

fn make(session: &Session, key: &NewKey) -> Result<ObjectHandle, Pkcs11Error> {
    let (kind, generate) = match key.kind {
        KeyKind::Aes => (KeyType::AES, Mechanism::AesKeyGen),
        KeyKind::Des2 => (KeyType::DES2, Mechanism::Des2KeyGen),
        KeyKind::Des3 => (KeyType::DES3, Mechanism::Des3KeyGen),
        KeyKind::Generic => (KeyType::GENERIC_SECRET, Mechanism::GenericSecretKeyGen),
    };
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(kind),
        Attribute::Label(key.label.clone().into_bytes()),
        Attribute::Id(key.label.clone().into_bytes()),
    ];
    template.extend(key.flags.iter().map(|(flag, value)| flag.attribute(*value)));
    if let Some(value) = &key.value {
        template.push(Attribute::Value(value.clone()));
        return session.create_object(&template);
    }
    if matches!(key.kind, KeyKind::Aes | KeyKind::Generic) {
        template.push(Attribute::ValueLen(32.into()));
    }
    session.generate_key(&generate, &template)
}

/// Attributes one by one: what one object or token does not have, another one may. `None` for an object that describes
/// the token, as Kryoptic has one for each mechanism.
fn read(session: &Session, object: ObjectHandle) -> Result<Option<Object>, Pkcs11Error> {
    let get = |kind| session.get_attributes(object, &[kind]).map(|attributes| attributes.into_iter().next());
    let bytes = |kind| {
        get(kind).map(|attribute| match attribute {
            Some(Attribute::Label(bytes) | Attribute::Id(bytes) | Attribute::Value(bytes)) => Some(bytes),
            _ => None,
        })
    };
    let class = match get(AttributeType::Class)? {
        Some(Attribute::Class(ObjectClass::MECHANISM | ObjectClass::HARDWARE_FEATURE | ObjectClass::PROFILE)) => {
            return Ok(None);
        }
        Some(Attribute::Class(class)) => *class,
        _ => u64::MAX,
    };
    let mut flags = BTreeMap::new();
    for flag in Flag::ALL {
        let attribute = get(flag.attribute_type())?;
        flags.extend(
            [true, false]
                .into_iter()
                .filter(|value| attribute == Some(flag.attribute(*value)))
                .map(|value| (*flag, value)),
        );
    }
    Ok(Some(Object {
        class,
        key_type: match get(AttributeType::KeyType)? {
            Some(Attribute::KeyType(kind)) => Some(*kind),
            _ => None,
        },
        label: String::from_utf8_lossy(&bytes(AttributeType::Label)?.unwrap_or_default()).into_owned(),
        id: hex::encode(bytes(AttributeType::Id)?.unwrap_or_default()),
        value: bytes(AttributeType::Value)?.map(hex::encode),
        flags,
    }))
}

/// CKA_UNWRAP_TEMPLATE: the crate has no type for templates in templates.
const UNWRAP_TEMPLATE: u64 = 0x4000_0212;

/// Uses session keys in every way that a vault does, and gives all that went in and came out, in hexadecimal.
fn exercise(session: &Session, sp800_108: bool) -> Result<Vec<String>, Pkcs11Error> {
    let [value, seed, iv, data, id, input] = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xAA].map(|byte| [byte; 16]);
    let uses = [Flag::Derive, Flag::Encrypt, Flag::Decrypt, Flag::Sign, Flag::Verify, Flag::Wrap, Flag::Unwrap];
    let mut key = NewKey::aes("exercise", &value, &uses);
    key.flags.insert(Flag::Token, false);
    let key = make(session, &key)?;
    let mut seen = [value, seed, iv, data, id, input].map(Vec::from).to_vec();
    seen.push(session.generate_random_vec(16)?);
    // Kryoptic takes no such seed.
    let _ = session.seed_random(&seed);
    // The token refuses the one and gives the other.
    session.get_attributes(key, &[AttributeType::Value, AttributeType::Derive])?;

    let readable = readable(&id);
    let cbc = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new(iv, &input));
    let derived = session.derive_key(&cbc, key, &readable)?;
    for attribute in session.get_attributes(derived, &[AttributeType::Value])? {
        seen.extend(if let Attribute::Value(value) = attribute { Some(value) } else { None });
    }
    let encrypted = session.encrypt(&Mechanism::AesCbc(iv), key, &data)?;
    seen.push(session.decrypt(&Mechanism::AesCbc(iv), key, &encrypted)?);
    let mac = session.sign(&Mechanism::AesCMac, key, &data)?;
    session.verify(&Mechanism::AesCMac, key, &data, &mac)?;
    let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, key, derived)?;
    // The length is what was wrapped, and SoftHSM refuses to hear it.
    let unwrapped: Vec<_> = readable.into_iter().filter(|part| !matches!(part, Attribute::ValueLen(_))).collect();
    session.unwrap_key(&Mechanism::AesKeyWrap, key, &wrapped, &unwrapped)?;
    seen.extend([encrypted, mac, wrapped, session.digest(&Mechanism::Sha256, &data)?]);

    let (inner, attribute) = nested(0xA6);
    session.generate_key(&Mechanism::AesKeyGen, &[Attribute::ValueLen(16.into()), attribute])?;
    seen.push(inner);
    if sp800_108 {
        seen.extend(counter_kdf(session, key)?);
    }
    Ok(seen.into_iter().map(hex::encode).collect())
}

/// A session key that can be read.
fn readable(id: &[u8]) -> Vec<Attribute> {
    let flags = [(Flag::Token, false), (Flag::Sensitive, false), (Flag::Extractable, true)];
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Id(id.to_vec()),
        Attribute::ValueLen(16.into()),
    ];
    template.extend(flags.map(|(flag, value)| flag.attribute(value)));
    template
}

/// A template that gives keys 16 times this byte for an ID, in an attribute, and the ID.
fn nested(byte: u8) -> (Vec<u8>, Attribute) {
    const ID: u64 = 0x0102;
    // The token reads it through its address, which is why it is never freed.
    let id: &'static [u8] = Vec::leak(vec![byte; 16]);
    let address = id.as_ptr().expose_provenance() as u64;
    let attribute = [ID, address, id.len() as u64].map(u64::to_ne_bytes).concat();
    (id.to_vec(), Attribute::VendorDefined((AttributeType::VendorDefined(UNWRAP_TEMPLATE), attribute)))
}

/// A counter between two fields, as SCP03 has it, for two keys at once.
fn counter_kdf(session: &Session, key: ObjectHandle) -> Result<Vec<Vec<u8>>, Pkcs11Error> {
    let (before, after, id) = ([0xA7; 12], [0xA8; 16], [0xA9; 16]);
    let counter = KbkdfCounterFormat::new(Endianness::Big, NonZeroUsize::MIN.saturating_add(7));
    let data = [
        PrfDataParam::new(PrfDataParamType::ByteArray(&before)),
        PrfDataParam::new(PrfDataParamType::IterationVariable(Some(&counter))),
        PrfDataParam::new(PrfDataParamType::ByteArray(&after)),
    ];
    let template = readable(&id);
    let mut second = [DerivedKey::new(&template)];
    let kdf = KbkdfParams::new(MechanismType::AES_CMAC, &data, Some(&mut second));
    let first = session.derive_key(&Mechanism::KbkdfCounter(kdf), key, &readable(&after))?;
    let mut seen = vec![before.to_vec(), after.to_vec(), id.to_vec()];
    for key in [Some(first), second[0].handle()].into_iter().flatten() {
        for attribute in session.get_attributes(key, &[AttributeType::Value])? {
            seen.extend(if let Attribute::Value(value) = attribute { Some(value) } else { None });
        }
    }
    Ok(seen)
}
