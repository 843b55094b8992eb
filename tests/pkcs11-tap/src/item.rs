//! What the arguments of a call point at.

use crate::fault::Length;
use crate::log::hex;
use cryptoki_sys::{
    CK_AES_CBC_ENCRYPT_DATA_PARAMS, CK_ATTRIBUTE, CK_DERIVED_KEY, CK_DES_CBC_ENCRYPT_DATA_PARAMS, CK_GCM_PARAMS,
    CK_KEY_DERIVATION_STRING_DATA, CK_MECHANISM, CK_MECHANISM_TYPE, CK_PRF_DATA_PARAM, CK_RSA_AES_KEY_WRAP_PARAMS,
    CK_RSA_PKCS_OAEP_PARAMS, CK_RV, CK_SP800_108_FEEDBACK_KDF_PARAMS, CK_SP800_108_KDF_PARAMS, CK_ULONG,
    CK_UNAVAILABLE_INFORMATION, CKA_DERIVE_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_WRAP_TEMPLATE, CKM_AES_CBC,
    CKM_AES_CBC_ENCRYPT_DATA, CKM_AES_CBC_PAD, CKM_AES_CTR, CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_GCM, CKM_AES_KEY_WRAP,
    CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD, CKM_AES_MAC_GENERAL, CKM_CONCATENATE_BASE_AND_DATA,
    CKM_CONCATENATE_DATA_AND_BASE, CKM_DES3_CBC, CKM_DES3_CBC_ENCRYPT_DATA, CKM_DES3_CBC_PAD,
    CKM_DES3_ECB_ENCRYPT_DATA, CKM_RSA_AES_KEY_WRAP, CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
    CKM_SP800_108_COUNTER_KDF, CKM_SP800_108_DOUBLE_PIPELINE_KDF, CKM_SP800_108_FEEDBACK_KDF, CKM_XOR_BASE_AND_DATA,
    CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_OK,
};
use std::fmt::Write as _;

/// An argument of a call, or two that belong together. The pointers are the caller's, who answers for them: null, or
/// good for as long as the call takes.
#[derive(Debug)]
pub(crate) enum Item {
    /// A number.
    Number(CK_ULONG),
    /// So many bytes.
    Bytes(*const u8, CK_ULONG),
    /// A structure without pointers.
    Struct(*const u8, usize),
    /// A mechanism with its parameter.
    Mechanism(*const CK_MECHANISM),
    /// Attributes that go in.
    Template(*const CK_ATTRIBUTE, CK_ULONG),
    /// Attributes whose values come out.
    Values(*mut CK_ATTRIBUTE, CK_ULONG),
    /// Bytes that come out, and their length.
    Buffer(*const u8, *mut CK_ULONG),
    /// Numbers that come out, and how many.
    List(*const CK_ULONG, *mut CK_ULONG),
    /// A number that comes out.
    Out(*const CK_ULONG),
}

impl Item {
    /// Whether a call with this outcome has set what it points at.
    pub(crate) fn is_set(&self, rv: CK_RV) -> bool {
        // A token refuses some attributes, and gives the others.
        let some =
            matches!(self, Self::Values(..)) && matches!(rv, CKR_ATTRIBUTE_SENSITIVE | CKR_ATTRIBUTE_TYPE_INVALID);
        rv == CKR_OK || some
    }

    /// Where the lengths are that the call is going to set.
    pub(crate) fn lengths(&self) -> Vec<Length> {
        // SAFETY: see the pointers of this type.
        unsafe {
            match *self {
                Self::Buffer(data, length) if !length.is_null() => vec![Length::new(data, length)],
                Self::List(data, length) if !length.is_null() => vec![Length::new(data, length)],
                Self::Values(values, count) if !values.is_null() => (0..count as usize)
                    .map(|at| Length::new((*values.add(at)).pValue, &raw mut (*values.add(at)).ulValueLen))
                    .collect(),
                _ => Vec::new(),
            }
        }
    }

    /// Adds it to a line, a space before it.
    pub(crate) fn write(&self, line: &mut String) {
        line.push(' ');
        // SAFETY: see the pointers of this type.
        unsafe {
            match *self {
                Self::Number(number) => number_to(line, number),
                Self::Bytes(data, length) => hex(line, slice(data, length)),
                Self::Struct(data, size) => hex(line, slice(data, size as CK_ULONG)),
                Self::Mechanism(mechanism) => mechanism_to(line, mechanism),
                Self::Template(attributes, count) => attributes_to(line, attributes, count),
                Self::Values(attributes, count) => attributes_to(line, attributes, count),
                Self::Buffer(data, length) => hex(line, slice(data, length.as_ref().copied().unwrap_or(0))),
                Self::List(numbers, count) => {
                    for number in slice(numbers, count.as_ref().copied().unwrap_or(0)) {
                        number_to(line, *number);
                        line.push(',');
                    }
                }
                Self::Out(number) => number_to(line, number.as_ref().copied().unwrap_or(0)),
            }
        }
    }
}

fn number_to(line: &mut String, number: CK_ULONG) {
    let _ = write!(line, "{number:x}");
}

/// What is there; nothing where there is nothing.
///
/// # Safety
///
/// `data` is null or points at so many values.
unsafe fn slice<'a, T>(data: *const T, count: CK_ULONG) -> &'a [T] {
    if data.is_null() || count == 0 || count == CK_UNAVAILABLE_INFORMATION {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(data, count as usize) }
}

/// `{TYPE=VALUE ...}`, with templates in templates.
///
/// # Safety
///
/// `attributes` is null or points at so many attributes, which need not be aligned; the same goes for their values.
unsafe fn attributes_to(line: &mut String, attributes: *const CK_ATTRIBUTE, count: CK_ULONG) {
    let count = if attributes.is_null() { 0 } else { count as usize };
    line.push('{');
    for at in 0..count {
        // SAFETY: the caller says so.
        let attribute = unsafe { attributes.add(at).read_unaligned() };
        let _ = write!(line, "{}{:x}=", if at == 0 { "" } else { " " }, attribute.type_);
        let nested = matches!(attribute.type_, CKA_WRAP_TEMPLATE | CKA_UNWRAP_TEMPLATE | CKA_DERIVE_TEMPLATE);
        // SAFETY: the caller says so.
        unsafe {
            if nested && attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION {
                let count = attribute.ulValueLen / size_of::<CK_ATTRIBUTE>() as CK_ULONG;
                attributes_to(line, attribute.pValue.cast(), count);
            } else {
                hex(line, slice(attribute.pValue.cast(), attribute.ulValueLen));
            }
        }
    }
    line.push('}');
}

/// `mechanism=TYPE(PARAMETER)`.
///
/// # Safety
///
/// It is null or a mechanism whose parameter has the shape that its type wants, if it has the size for it.
unsafe fn mechanism_to(line: &mut String, mechanism: *const CK_MECHANISM) {
    // SAFETY: the caller says so.
    let Some(mechanism) = (unsafe { mechanism.as_ref() }) else { return };
    let _ = write!(line, "mechanism={:x}(", mechanism.mechanism);
    if !mechanism.pParameter.is_null() && mechanism.ulParameterLen > 0 {
        // SAFETY: the caller says so.
        unsafe { parameter_to(line, mechanism) };
    }
    line.push(')');
}

/// The parameter, where its size is that of `T`.
///
/// # Safety
///
/// What the parameter points at is then a `T`.
unsafe fn parameter<T>(mechanism: &CK_MECHANISM) -> Option<&T> {
    // SAFETY: the caller says so. A parameter that no caller aligned is left alone.
    unsafe {
        (mechanism.ulParameterLen as usize == size_of::<T>())
            .then(|| mechanism.pParameter.cast::<T>())
            .filter(|parameter| parameter.is_aligned())
            .and_then(|parameter| parameter.as_ref())
    }
}

/// A parameter with all that it points at.
///
/// # Safety
///
/// As for [`mechanism_to`].
unsafe fn parameter_to(line: &mut String, mechanism: &CK_MECHANISM) {
    // SAFETY: the caller says so.
    unsafe {
        if is_flat(mechanism.mechanism) {
            return hex(line, slice(mechanism.pParameter.cast(), mechanism.ulParameterLen));
        }
        let known = match mechanism.mechanism {
            CKM_SP800_108_COUNTER_KDF | CKM_SP800_108_DOUBLE_PIPELINE_KDF => {
                parameter::<CK_SP800_108_KDF_PARAMS>(mechanism).map(|kdf| {
                    prf_data_to(line, kdf.prfType, kdf.pDataParams, kdf.ulNumberOfDataParams);
                    more_keys_to(line, kdf.pAdditionalDerivedKeys, kdf.ulAdditionalDerivedKeys);
                })
            }
            CKM_SP800_108_FEEDBACK_KDF => parameter::<CK_SP800_108_FEEDBACK_KDF_PARAMS>(mechanism).map(|kdf| {
                prf_data_to(line, kdf.prfType, kdf.pDataParams, kdf.ulNumberOfDataParams);
                fields_to(line, &[slice(kdf.pIV, kdf.ulIVLen)]);
                more_keys_to(line, kdf.pAdditionalDerivedKeys, kdf.ulAdditionalDerivedKeys);
            }),
            CKM_AES_CBC_ENCRYPT_DATA => parameter::<CK_AES_CBC_ENCRYPT_DATA_PARAMS>(mechanism)
                .map(|cbc| fields_to(line, &[&cbc.iv, slice(cbc.pData, cbc.length)])),
            CKM_DES3_CBC_ENCRYPT_DATA => parameter::<CK_DES_CBC_ENCRYPT_DATA_PARAMS>(mechanism)
                .map(|cbc| fields_to(line, &[&cbc.iv, slice(cbc.pData, cbc.length)])),
            CKM_AES_ECB_ENCRYPT_DATA
            | CKM_DES3_ECB_ENCRYPT_DATA
            | CKM_CONCATENATE_BASE_AND_DATA
            | CKM_CONCATENATE_DATA_AND_BASE
            | CKM_XOR_BASE_AND_DATA => parameter::<CK_KEY_DERIVATION_STRING_DATA>(mechanism)
                .map(|string| fields_to(line, &[slice(string.pData, string.ulLen)])),
            CKM_AES_GCM => parameter::<CK_GCM_PARAMS>(mechanism)
                .map(|gcm| fields_to(line, &[slice(gcm.pIv, gcm.ulIvLen), slice(gcm.pAAD, gcm.ulAADLen)])),
            CKM_RSA_PKCS_OAEP => parameter::<CK_RSA_PKCS_OAEP_PARAMS>(mechanism).map(|oaep| oaep_to(line, oaep)),
            CKM_RSA_AES_KEY_WRAP => parameter::<CK_RSA_AES_KEY_WRAP_PARAMS>(mechanism)
                .and_then(|wrap| wrap.pOAEPParams.as_ref())
                .map(|oaep| oaep_to(line, oaep)),
            _ => None,
        };
        if known.is_none() {
            *line += "UNKNOWN";
        }
    }
}

/// Whether the parameter is an IV, a number or a structure without pointers.
fn is_flat(mechanism: CK_MECHANISM_TYPE) -> bool {
    matches!(
        mechanism,
        CKM_AES_CBC
            | CKM_AES_CBC_PAD
            | CKM_AES_CTR
            | CKM_AES_KEY_WRAP
            | CKM_AES_KEY_WRAP_PAD
            | CKM_AES_KEY_WRAP_KWP
            | CKM_AES_MAC_GENERAL
            | CKM_DES3_CBC
            | CKM_DES3_CBC_PAD
            | CKM_RSA_PKCS_PSS
            | CKM_SHA256_RSA_PKCS_PSS
    )
}

fn fields_to(line: &mut String, fields: &[&[u8]]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        hex(line, field);
    }
}

/// # Safety
///
/// As for [`slice`].
unsafe fn oaep_to(line: &mut String, oaep: &CK_RSA_PKCS_OAEP_PARAMS) {
    let _ = write!(line, "{:x} {:x} ", oaep.hashAlg, oaep.mgf);
    // SAFETY: the caller says so.
    hex(line, unsafe { slice(oaep.pSourceData.cast(), oaep.ulSourceDataLen) });
}

/// `PRF TYPE=VALUE ...`.
///
/// # Safety
///
/// As for [`slice`].
unsafe fn prf_data_to(line: &mut String, prf: CK_ULONG, data: *const CK_PRF_DATA_PARAM, count: CK_ULONG) {
    number_to(line, prf);
    // SAFETY: the caller says so.
    for field in unsafe { slice(data, count) } {
        let _ = write!(line, " {:x}=", field.type_);
        // SAFETY: the caller says so.
        hex(line, unsafe { slice(field.pValue.cast::<u8>(), field.ulValueLen) });
    }
}

/// The templates of further keys.
///
/// # Safety
///
/// As for [`attributes_to`].
unsafe fn more_keys_to(line: &mut String, keys: *const CK_DERIVED_KEY, count: CK_ULONG) {
    // SAFETY: the caller says so.
    unsafe {
        for key in slice(keys, count) {
            line.push(' ');
            attributes_to(line, key.pTemplate, key.ulAttributeCount);
        }
    }
}
